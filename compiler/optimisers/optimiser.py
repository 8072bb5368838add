"""What becomes of gradients: the rules by which an engine changes weights."""

from dataclasses import dataclass

from deep3.errors import Deep3Error

__all__ = ["SGD", "Adagrad", "Momentum", "Optimiser", "OptimiserError", "Sgd"]


class OptimiserError(Deep3Error, ValueError):
    """An optimiser that cannot be; the message names the value and what would work."""


@dataclass(frozen=True)
class Sgd:
    """Stochastic gradient descent: ``w -= rate * g``, g the mean gradient of a batch."""

    @property
    def state(self) -> bool:
        """Whether it keeps a word for each weight."""
        return False

    def rate_divisor(self, batch: int) -> float:
        """The engine's rate is the learning rate divided by this: it multiplies sums over a batch."""
        return batch


@dataclass(frozen=True)
class Momentum:
    """Gradient descent with a velocity: ``v = momentum * v - rate * g; w += v``.

    With a rate that does not change this is what ``torch.optim.SGD(momentum=...)`` does; where it changes, steps taken
    before keep the rate of their time, as in Caffe. Velocities are Q3.12 and begin at 0.

    Parameters
    ----------
    momentum
        Between 0 and 1; the nearest multiple of 2^-15.

    Raises
    ------
    OptimiserError
        For a value of the wrong kind or out of range.
    """

    momentum: float = 0.9

    def __post_init__(self) -> None:
        number = isinstance(self.momentum, int | float) and not isinstance(self.momentum, bool)
        if not (number and 0.0001 <= self.momentum <= 0.9999):
            raise OptimiserError(f"momentum must be between 0.0001 and 0.9999, not {self.momentum!r}")

    @property
    def state(self) -> bool:
        """Whether it keeps a word for each weight."""
        return True

    def rate_divisor(self, batch: int) -> float:
        """The engine's rate is the learning rate divided by this: it multiplies sums over a batch."""
        return batch

    @property
    def mantissa(self) -> int:
        """The momentum in U0.15."""
        return round(self.momentum * 32768)


@dataclass(frozen=True)
class Adagrad:
    """Steps that shrink with the gradients there were: ``s += g^2; w -= rate * g / sqrt(s)``, for each weight.

    As ``torch.optim.Adagrad`` without an epsilon; sums of squares begin at 0.
    """

    @property
    def state(self) -> bool:
        """Whether it keeps a word for each weight."""
        return True

    def rate_divisor(self, batch: int) -> float:
        """The engine's rate is the learning rate divided by this: steps have 10 fraction bits, weights 12."""
        return 0.25


Optimiser = Sgd | Momentum | Adagrad

SGD = Sgd()
