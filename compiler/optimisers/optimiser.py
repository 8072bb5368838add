"""What becomes of gradients: the rules by which every worker changes weights."""

from dataclasses import dataclass, field

from deep3.errors import Deep3Error
from deep3.hdl.contract.fixed_point import FRACTION_BITS

__all__ = ["OPTIMISERS", "SGD", "Adagrad", "Momentum", "Optimiser", "OptimiserError", "Sgd"]

DECAY_STEPS = 1 << 14
LEAST_DECAY, MOST_DECAY = 16, 32767


class OptimiserError(Deep3Error, ValueError):
    """An optimiser that cannot be; the message names the value and what would work."""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class _Rule:
    """What the rules have in common; g is the mean gradient of a batch.

    Parameters
    ----------
    weight_decay
        Added to g before the rule takes it: ``g + weight_decay * w``, of weights and biases, as ``torch.optim`` does.
        From 0 to 1.

    Raises
    ------
    OptimiserError
        For a value of the wrong kind or out of range.
    """

    weight_decay: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        if not (_is_number(self.weight_decay) and 0 <= self.weight_decay <= 1):
            raise OptimiserError(f"weight-decay must be between 0 and 1, not {self.weight_decay!r}")

    def __str__(self) -> str:
        decay = f" with weight decay {self.weight_decay:g}" if self.weight_decay else ""
        return f"{self._words}{decay}"

    @property
    def name(self) -> str:
        """Its key in `OPTIMISERS`."""
        return type(self).__name__.lower()

    @property
    def _words(self) -> str:
        return self.name

    @property
    def state(self) -> bool:
        """Whether it keeps a number for each weight from batch to batch."""
        return False

    @property
    def elementwise(self) -> bool:
        """Whether it takes passes over single words, for which an engine must have convolution."""
        return self.state or self.weight_decay > 0

    def rate_divisor(self, batch: int) -> float:
        """The engine's rate is the learning rate divided by this: it multiplies sums over a batch."""
        return batch

    def decay_word(self, batch: int) -> int:
        """Weight decay times the batch in steps of 2^-14, as engines take it, within 1/32 of it; 0 for none.

        Raises
        ------
        OptimiserError
            When the decay is out of their reach.
        """
        word = round(self.weight_decay * batch * DECAY_STEPS)
        if self.weight_decay and not LEAST_DECAY <= word <= MOST_DECAY:
            low, high = (limit / (DECAY_STEPS * batch) for limit in (LEAST_DECAY, MOST_DECAY))
            raise OptimiserError(
                f"weight-decay must be between {low:.3g} and {high:.5g} on an engine in batches of {batch}, "
                f"not {self.weight_decay!r}"
            )
        return word

    def state_unit(self, batch: int) -> float:
        """What 1 in an engine's word of the state stands for, in batches of this size."""
        return 1 / (1 << FRACTION_BITS)

    @property
    def state_power(self) -> int:
        """The state of weights that are k times as large, and their gradients 1 / k, is k to this power as large."""
        return 1


@dataclass(frozen=True)
class Sgd(_Rule):
    """Stochastic gradient descent: ``w -= rate * g``."""


@dataclass(frozen=True)
class Momentum(_Rule):
    """Gradient descent with a velocity: ``v = momentum * v - rate * g; w += v``.

    With a rate that does not change this is what ``torch.optim.SGD(momentum=...)`` does; where it changes, steps taken
    before keep the rate of their time, as in Caffe. Velocities are Q3.12 on an engine, and begin at 0.

    Parameters
    ----------
    momentum
        Between 0 and 1; on an engine the nearest multiple of 2^-15.
    """

    momentum: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (_is_number(self.momentum) and 0.0001 <= self.momentum <= 0.9999):
            raise OptimiserError(f"momentum must be between 0.0001 and 0.9999, not {self.momentum!r}")

    @property
    def state(self) -> bool:
        """Velocities."""
        return True

    @property
    def _words(self) -> str:
        return f"momentum {self.momentum:g}"

    @property
    def mantissa(self) -> int:
        """The momentum in U0.15."""
        return round(self.momentum * 32768)

    def state_unit(self, batch: int) -> float:
        """What 1 in an engine's word of the state stands for: words are velocities times the momentum."""
        return super().state_unit(batch) * 32768 / self.mantissa


@dataclass(frozen=True)
class Adagrad(_Rule):
    """Steps that shrink with the gradients there were: ``s += g^2; w -= rate * g / sqrt(s)``, for each weight.

    As ``torch.optim.Adagrad``; sums of squares begin at 0.
    """

    @property
    def state(self) -> bool:
        """Sums of squares."""
        return True

    def rate_divisor(self, batch: int) -> float:
        """The engine's rate is the learning rate divided by this: steps have 10 fraction bits, weights 12."""
        return 0.25

    def gradient_mantissa(self, batch: int) -> int:
        """What the engine multiplies sums of gradients by, over 2^16: 12 fraction bits become 16 of the mean."""
        return min(65535, round((1 << 20) / batch))

    def state_unit(self, batch: int) -> float:
        """What 1 in an engine's word of the state stands for: words are squares of the engine's gradients over 2^16,
        so that the largest sum of squares is 1/2, or more in batches below 16."""
        return (4096 / (batch * self.gradient_mantissa(batch))) ** 2

    @property
    def state_power(self) -> int:
        """That of squares of gradients."""
        return -2


Optimiser = Sgd | Momentum | Adagrad

SGD = Sgd()

OPTIMISERS: dict[str, type[Optimiser]] = {"sgd": Sgd, "momentum": Momentum, "adagrad": Adagrad}
"""By the names that users give them."""
