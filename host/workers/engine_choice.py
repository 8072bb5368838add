"""Which engine golden and virtual workers are, where no configuration is given."""

from collections.abc import Sequence
from dataclasses import replace

from deep3.compiler.layout import DoesNotFit, most_buffers
from deep3.compiler.lowering import lower
from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import SGD, Optimiser
from deep3.cost_model.engine_choice import able, engine_holding
from deep3.hdl.contract.config import LIMITS, EngineConfig

from .base import BackendError

__all__ = ["choose_engine", "engines", "what_fits"]

MOST_CLASSES = LIMITS["max_classes"].high
MOST_LABELS = LIMITS["label_words"].high
MOST_LAYERS = LIMITS["max_layers"].high
DEFAULT = EngineConfig()


def engines(batch: int, classes: int, layers: int, like: EngineConfig = DEFAULT) -> list[EngineConfig]:
    """Those to choose from, the smallest first: few, so that their virtual boards are usually built already.

    The engine given, as a rule the default one, then with all three operand memories doubled together until each has
    all the words that an address names; each also with the program memory of 16 layers. Labels, classes and layers are
    doubled, each by itself, as far as the network needs.
    """
    config = replace(
        like,
        label_words=_doubled(like.label_words, batch, MOST_LABELS),
        max_classes=_doubled(like.max_classes, classes, MOST_CLASSES),
        max_layers=_doubled(like.max_layers, layers, MOST_LAYERS),
    )
    most = config.limit("weight_bank_words").high
    found = [config, replace(config, max_layers=MOST_LAYERS)]
    while config.weight_bank_words < most:
        config = replace(
            config,
            activation_bank_words=min(2 * config.activation_bank_words, most),
            weight_bank_words=min(2 * config.weight_bank_words, most),
            error_bank_words=min(2 * config.error_bank_words, most),
        )
        found += [config, replace(config, max_layers=MOST_LAYERS)]
    return found


def choose_engine(networks: Sequence[Network], batch: int, optimiser: Optimiser = SGD) -> EngineConfig:
    """The first of `engines` that trains every one of the local networks.

    Raises
    ------
    BackendError
        When none does.
    """
    classes = max(network.classes for network in networks)
    reason: DoesNotFit | None = None
    like = DEFAULT
    for network in networks:
        like = able(network, like, optimiser)
    layers = max(len(network.trained) for network in networks)
    for config in engines(batch, classes, layers, like):
        try:
            for network in networks:
                buffers = most_buffers(network, config, batch, optimiser)
                lower(network, config, batch, max(1, buffers), optimiser)
        except DoesNotFit as error:
            reason = error
            continue
        return config
    sizes = max(networks, key=lambda network: network.parameters).widths
    raise BackendError(
        f"no engine holds local network {sizes}: {reason}; a smaller --ratio, --hidden or --batch, or a --projection "
        f"with fewer features, would fit"
    )


def what_fits(network: Network, config: EngineConfig, batch: int, optimiser: Optimiser = SGD) -> str:
    """The remedy where a network does not fit a given engine: the words that it needs, and other ways out."""
    needed = engine_holding(network, config, batch, optimiser=optimiser)
    if needed is None:
        return "no engine is that large: a smaller --ratio, --hidden or --batch would fit"
    lacking = [name for name in ("convolution", "dropout", "adagrad") if getattr(needed, name) > getattr(config, name)]
    words = "".join(f"{name} = true, " for name in lacking)
    words += ", ".join(
        f"{name} = {max(getattr(needed, name), getattr(config, name))}"
        for name in ("activation_bank_words", "weight_bank_words", "error_bank_words")
    )
    return (
        f"{words} would hold it; or leave --config out, and golden and virtual workers take an engine that fits; "
        f"deep3 size finds engine and local network for a board"
    )


def _doubled(value: int, needed: int, most: int) -> int:
    while value < needed and value < most:
        value *= 2
    return value
