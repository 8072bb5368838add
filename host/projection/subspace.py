"""What a projection has learned: a dictionary and, where it is rotated, the principal axes of its coefficients."""

from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .dictionary import Dictionary
from .rotation import Moments

__all__ = ["Subspace"]


@dataclass
class Subspace:
    """A subspace that grows with a stream of samples.

    Attributes
    ----------
    dictionary
        Its atoms span it, or more where it is cut.
    moments
        Of the coefficients, for the rotation to their principal axes; None for the atoms themselves.
    most
        Dimensions to which a rotated one is cut; None for as many as there are atoms.
    """

    dictionary: Dictionary
    moments: Moments | None = None
    most: int | None = None
    _axes: NDArray[np.float32] | None = None

    @property
    def length(self) -> int:
        """Dimensions."""
        length = self.dictionary.length
        return length if self.most is None else min(length, self.most)

    @property
    def components(self) -> NDArray[np.float32]:
        """``length x features``, orthonormal rows; those of the most energy first where it is rotated."""
        if self.moments is None:
            return self.dictionary.atoms
        return self._rotation(self.moments).T @ self.dictionary.atoms

    @property
    def variances(self) -> NDArray[np.float32]:
        """Along each component of a rotated one, descending."""
        if self.moments is None:
            raise AttributeError("variances are those of a rotated projection")
        values, _ = self.moments.axes()
        return values[: self.most]

    def learn(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Grow by ``samples x features``; coefficients of the atoms, ``samples x atoms``."""
        coefficients = self.dictionary.grow(x)
        if self.moments is not None:
            self.moments.add(coefficients)
            self._axes = None
        return coefficients

    def rotated(self, coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
        """Coefficients of the components from those of the atoms."""
        return coefficients if self.moments is None else coefficients @ self._rotation(self.moments)

    def cut(self, length: int) -> "Subspace":
        """A shorter one out of the same pass, of the strongest axes or the first atoms; this one stays."""
        if self.moments is not None:
            return replace(self, dictionary=deepcopy(self.dictionary), moments=deepcopy(self.moments), most=length)
        shorter = deepcopy(self)
        shorter.dictionary.cut(length)
        return shorter

    def _rotation(self, moments: Moments) -> NDArray[np.float32]:
        """Axes, ``atoms x length``; they stay until more is learned."""
        if self._axes is None:
            _, self._axes = moments.axes()
        return self._axes[:, : self.most]
