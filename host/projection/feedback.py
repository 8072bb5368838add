"""The length of an embedding by the validation error of what is trained on it: feedback that ends the growth.

Deep3 (DAC 2017), equation 3 and the text below it: of the lengths within the physical limits that with the least
validation error of local networks; where a longer input layer brings little, it does not grow. DeLight (CODES 2016),
equation 1: of the networks that reach an error the smallest.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from .errors import ProjectionError

__all__ = ["Search", "choose", "lengths"]

FIRST_LENGTH = 8
GROWTH = 1.25
"""Each length of an embedding that is tried is so many times the one before."""

C = TypeVar("C")


@dataclass
class Search(Generic[C]):
    """Candidates from the cheapest on, and when trying dearer ones ends.

    Parameters
    ----------
    least_gain
        By which the validation error (0 to 1) must fall below the best for a dearer candidate to be worth its cost.
    patience
        Candidates one after the other without that gain after which the search is over.

    Attributes
    ----------
    tried
        Each candidate and its error, in order.
    best
        The last candidate that was worth its cost.
    """

    least_gain: float = 0.002
    patience: int = 2
    tried: list[tuple[C, float]] = field(default_factory=list)
    best: C | None = None
    _best_error: float = float("inf")
    _without_gain: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.least_gain < 1:
            raise ProjectionError(f"least gain must be between 0 and 1, not {self.least_gain!r}")
        if type(self.patience) is not int or self.patience < 1:
            raise ProjectionError(f"patience must be 1 or more, not {self.patience!r}")

    @property
    def is_over(self) -> bool:
        """Whether dearer candidates are no longer worth trying."""
        return self._without_gain >= self.patience

    def add(self, candidate: C, error: float) -> None:
        """A candidate, dearer than those before, and its validation error.

        Raises
        ------
        ProjectionError
            For an error that is no share.
        """
        if not 0 <= error <= 1:
            raise ProjectionError(f"a validation error must be between 0 and 1, not {error!r}")
        self.tried.append((candidate, error))
        if self.best is None or error < self._best_error - self.least_gain:
            self.best, self._best_error, self._without_gain = candidate, error, 0
        else:
            self._without_gain += 1


def choose(
    candidates: Iterable[C],
    cost: Callable[[C], float],
    error: Callable[[C], float],
    least_gain: float = 0.002,
    patience: int = 2,
) -> Search[C]:
    """Try candidates from the cheapest on until dearer ones bring nothing; ``best`` of the search is the choice.

    A candidate may be a length, or a local network whose first layer is the embedding
    (`cost_model.local_network.chain`): length and local topology are then chosen together.

    Parameters
    ----------
    candidates
        Those within the physical limits.
    cost
        Of a candidate, in whatever is to be small: seconds of a step or an epoch, joules, words.
    error
        Validation error, 0 to 1, of what is trained with a candidate.
    least_gain, patience
        As `Search`.

    Raises
    ------
    ProjectionError
        Where there is no candidate, and for an error that is no share.
    """
    search: Search[C] = Search(least_gain, patience)
    for candidate in sorted(candidates, key=cost):
        search.add(candidate, error(candidate))
        if search.is_over:
            break
    if search.best is None:
        raise ProjectionError("there must be a candidate to choose")
    return search


def lengths(longest: int) -> list[int]:
    """Lengths of an embedding to try, each a quarter longer than the one before, up to the longest."""
    found, length = [], FIRST_LENGTH
    while length <= longest:
        found.append(length)
        length = round(GROWTH * length)
    return found
