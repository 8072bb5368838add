"""Length of the embedding, and local topology with it, by the validation error of local networks trained on it.

Deep3 (DAC 2017), equation 3: the error is that of local networks on the projected data, cheapest first, until dearer
ones bring nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from deep3.compiler.network.layers import MAX_SIZE
from deep3.compiler.network.network import training_multiply_adds
from deep3.compiler.network.subsample import local_sizes
from deep3.cost_model.local_network import LocalNetwork
from deep3.host.data import Dataset
from deep3.host.projection.dictionary import Dictionary
from deep3.host.projection.errors import ALL_EQUAL, ProjectionError
from deep3.host.projection.feedback import Search, choose, lengths
from deep3.host.projection.projection import fit_projection
from deep3.host.projection.rotation import LEAST_BETA, evenly_spaced

from .memory import train_in_memory
from .settings import SettingsError, TrainSettings

__all__ = ["choose_embedding", "choose_local"]

MOST_SAMPLES = 20_000
"""Evenly spaced ones, for tuning."""
MOST_EPOCHS = 4.0
MOST_LENGTH = 512
"""A longer embedding is not tried; `choose_local` takes candidates of any length."""


def choose_local(
    settings: TrainSettings,
    dataset: Dataset,
    candidates: Iterable[LocalNetwork],
    cost: Callable[[LocalNetwork], float],
) -> Search[LocalNetwork]:
    """Train candidates for a few epochs each, from the cheapest on, until dearer ones bring nothing.

    Parameters
    ----------
    settings
        Of the run that is to come; hidden layers are those of the global network. A `cpu` worker trains.
    dataset
        Of which evenly spaced training samples are used.
    candidates
        Within the physical limits, as `cost_model.local_network.chain` has them: the first layer is the embedding.
    cost
        Of a candidate by the cost model, in what is to be small: seconds of an epoch, joules, words.

    Raises
    ------
    ProjectionError
        Where there is no candidate, or the samples span fewer dimensions than one has.
    Deep3Error
        For anything else that the user must put right.
    """
    networks = sorted(candidates, key=cost)
    rows = evenly_spaced(len(dataset.x_train), MOST_SAMPLES)
    y = dataset.y_train[rows]
    longest = max((local.embedding for local in networks), default=1)
    # Axes come in the order of their energy: a shorter embedding is the beginning of a longer one.
    _, embedding = fit_projection(dataset.x_train[rows], None, longest)
    epochs = min(settings.epochs, MOST_EPOCHS)
    trial = replace(
        settings, workers=("cpu:1",), config=None, deterministic=True, embedding=None, projection=None, epochs=epochs
    )

    def error(local: LocalNetwork) -> float:
        x = np.ascontiguousarray(embedding[:, : local.embedding])
        part = Dataset(dataset.name, x, y, x[:0], y[:0], dataset.class_names)
        return 1 - train_in_memory(part, replace(trial, ratio=local.ratio)).validation_accuracy

    return choose(networks, cost, error)


def choose_embedding(settings: TrainSettings, dataset: Dataset) -> TrainSettings:
    """The settings with the length of the embedding after which a longer one brings nothing, for local networks of
    their ratio.

    Raises
    ------
    SettingsError
        With a model, a checkpoint or a threshold, which bring a projection of their own.
    Deep3Error
        As `choose_local`.
    """
    for name in ("model", "start", "projection"):
        if getattr(settings, name) is not None:
            raise SettingsError(f"{name.replace('start', 'from')} says what the inputs are; leave embedding auto out")
    x = dataset.x_train[evenly_spaced(len(dataset.x_train), 4 * MOST_LENGTH)]
    spanned = Dictionary(x.mean(axis=0), LEAST_BETA, min(MOST_LENGTH, MAX_SIZE))
    spanned.grow(x)
    if not spanned.length:
        raise ProjectionError(ALL_EQUAL)
    tried = lengths(spanned.length) or [spanned.length]
    candidates = [
        LocalNetwork(local_sizes((length, *settings.hidden, dataset.classes), settings.ratio), settings.ratio)
        for length in tried
    ]
    found = choose_local(settings, dataset, candidates, lambda local: training_multiply_adds(local.sizes))
    assert found.best is not None
    return replace(settings, embedding=found.best.embedding)
