"""Dictionary of samples that grows with a stream until every sample lies within a relative distance of its span.

Deep3 (DAC 2017), Section 6 and Figure 4; DeLight (CODES 2016), Section 3.1: a sample whose relative distance to the
span of the dictionary exceeds beta is added to it. The span is kept as orthonormal atoms (Gram-Schmidt with
re-orthogonalisation), because coefficients of the raw, ill-conditioned samples would not survive 16 bits.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from deep3.host.workers.threads import usable_cores

from .errors import ProjectionError

__all__ = ["Dictionary", "chunk_rows", "energies", "project"]

CHUNK_BYTES = 1 << 20
"""Samples that are looked at together, for each core: they stay in its cache while atoms are added."""
LEAST_ROWS = 64
PANEL = 32
"""Samples beyond the threshold whose residuals are formed together."""
ROUNDING = 1e-5
"""Share of a sample's energy by which it less that of its coefficients may be wrong, in single precision."""
LEAST_DISTANCE = 1e-6
"""Below, a distance is the rounding of single precision."""
AGAIN = 0.1
"""Of a sample's energy: where less is left by the atoms, rounding left some of them in it, and once more is enough."""
CANCELLED = 0.01
"""Of a residual's energy: where less is left by the atoms of its panel, it is orthogonal to those before no more."""


def chunk_rows(features: int) -> int:
    """Rows of ``features`` single-precision numbers that are looked at together; products of them take all cores."""
    return max(LEAST_ROWS, usable_cores() * CHUNK_BYTES // (4 * features))


def energies(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """|row|^2 of each row.

    Raises
    ------
    ProjectionError
        For rows that hold no numbers, or whose energy leaves single precision.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        found: NDArray[np.float32] = np.vecdot(x, x)
    wrong = np.flatnonzero(~np.isfinite(found))
    if len(wrong):
        sizes = np.abs(x[wrong[0]])
        worst = float(x[wrong[0], np.argmax(np.where(np.isnan(sizes), np.inf, sizes))])
        raise ProjectionError(f"samples must hold finite numbers of sums of squares below 3e38, not {worst:g}")
    return found


def project(x: NDArray[np.float32], mean: NDArray[np.float32], rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Coefficients of orthonormal ``rows``, ``length x features``, of ``samples x features`` less a mean."""
    step = chunk_rows(x.shape[1])
    found = np.empty((len(x), len(rows)), np.float32)
    for start, chunk in zip(range(0, len(x), step), _chunks(x, mean), strict=True):
        np.matmul(chunk, rows.T, out=found[start : start + step])
    return found


def _chunks(x: NDArray[np.float32], mean: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Rows less the mean, each chunk in the place of the one before."""
    rows = chunk_rows(x.shape[1])
    buffer = np.empty((min(rows, len(x)), x.shape[1]), np.float32)
    for start in range(0, len(x), rows):
        part = x[start : start + rows]
        yield np.subtract(part, mean, out=buffer[: len(part)])


class Dictionary:
    """Orthonormal atoms grown from samples less a mean.

    Parameters
    ----------
    mean
        ``features``: subtracted from every sample.
    beta
        Relative distance, 0 to 1, up to which a sample counts as known.
    most
        Atoms that it grows to at most, whatever the threshold says; None for as many as the features.

    Attributes
    ----------
    chosen
        For each atom, in the order in which they were added, the number in the stream of the sample that added it.
    samples
        These samples less the mean, ``features`` each: what the papers call D.
    seen
        Samples of the stream so far.
    """

    def __init__(self, mean: NDArray[np.float32], beta: float, most: int | None = None) -> None:
        self.mean = mean
        self.beta = beta
        self.most = self.features if most is None else min(most, self.features)
        self.chosen: list[int] = []
        self.samples: list[NDArray[np.float32]] = []
        self.seen = 0
        self._atoms = np.zeros((min(PANEL, self.most), self.features), np.float32)

    @property
    def length(self) -> int:
        """Atoms."""
        return len(self.chosen)

    @property
    def features(self) -> int:
        """Values of a sample."""
        return len(self.mean)

    @property
    def atoms(self) -> NDArray[np.float32]:
        """``length x features``, orthonormal rows: a view that holds until the dictionary grows."""
        return self._atoms[: self.length]

    def grow(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Extend by what ``samples x features`` need; their coefficients, ``samples x length``.

        Coefficients of earlier samples stay valid when padded with zeros: what they were told to a relative error of
        beta they still are. The outcome is that of one sample after the other, whatever the parts that the stream comes
        in. Each coefficient is computed once, 2 x features operations; a sample beyond the threshold costs 8 x features
        x length more.

        Raises
        ------
        ProjectionError
            For values that are no numbers, or too large; nothing is learned then.
        """
        before, seen = self.length, self.seen
        rows = chunk_rows(self.features)
        buffer = np.empty((min(rows, len(x)), self.most), np.float32)
        parts = []
        for chunk in tqdm(_chunks(x, self.mean), total=-(-len(x) // rows), desc="projection", unit="block", delay=2):
            coefficients = buffer[: len(chunk)]
            try:
                self._grow_chunk(chunk, coefficients)
            except ProjectionError:
                del self.chosen[before:], self.samples[before:]
                self.seen = seen
                raise
            parts.append(coefficients[:, : self.length].copy())
        found = np.empty((len(x), self.length), np.float32)
        for start, part in zip(range(0, len(x), rows), parts, strict=True):
            found[start : start + rows, : part.shape[1]] = part
        # The first samples miss the atoms that later ones added.
        short = sum(len(part) for part in parts if part.shape[1] < self.length)
        for start, chunk in zip(range(0, short, rows), _chunks(x[:short], self.mean), strict=True):
            told = parts[start // rows].shape[1]
            np.matmul(chunk, self.atoms[told:].T, out=found[start : start + rows, told:])
        return found

    def coefficients(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of ``samples x features``, ``samples x length``; nothing is learned."""
        return project(x, self.mean, self.atoms)

    def cut(self, length: int) -> None:
        """Back to the first ``length`` atoms, beyond which it then does not grow: what it was when it had so many."""
        self.most = length
        self._atoms = self.atoms[:length].copy()
        del self.chosen[length:], self.samples[length:]

    def widen(self, mean: NDArray[np.float32]) -> None:
        """From now on samples have more features, the new ones behind the others and with this mean.

        Earlier samples count as having had the mean there: their coefficients stay as they are.
        """
        more = len(mean)
        if self.most == self.features:
            self.most += more
        self.mean = np.concatenate([self.mean, mean])
        self._atoms = np.pad(self.atoms, ((0, 0), (0, more)))
        self.samples = [np.pad(sample, (0, more)) for sample in self.samples]

    def _grow_chunk(self, x: NDArray[np.float32], coefficients: NDArray[np.float32]) -> None:
        energy = energies(x)
        limit = max(self.beta, LEAST_DISTANCE) ** 2 * energy
        left, doubtful = energy.copy(), limit - np.float32(ROUNDING) * energy
        doubtful[energy == 0] = np.inf
        done = told = 0
        while True:
            told = self._tell(x, coefficients, left, told)
            if self.length == self.most:
                break
            rows = done + np.flatnonzero(left[done:] > doubtful[done:])[:PANEL]
            if not len(rows):
                break
            self._add(x[rows], coefficients[rows, :told], limit[rows], rows)
            done = int(rows[-1]) + 1
        self.seen += len(x)

    def _tell(
        self, x: NDArray[np.float32], coefficients: NDArray[np.float32], left: NDArray[np.float32], told: int
    ) -> int:
        """Coefficients of the atoms from number ``told`` on, and the energy that they leave (Pythagoras)."""
        if told < self.length:
            new = coefficients[:, told : self.length]
            np.matmul(x, self._atoms[told : self.length].T, out=new)
            left -= np.vecdot(new, new)
        return self.length

    def _add(
        self,
        x: NDArray[np.float32],
        coefficients: NDArray[np.float32],
        limit: NDArray[np.float32],
        rows: NDArray[np.int64],
    ) -> None:
        """Atoms of those of a panel of samples that are beyond their limit, one after the other."""
        known = self.atoms
        residuals = x - coefficients @ known
        if (np.vecdot(residuals, residuals) < AGAIN * np.vecdot(x, x)).any():
            residuals -= (residuals @ known.T) @ known
        for sample, residual, most, row in zip(x, residuals, limit, rows, strict=True):
            before = residual @ residual
            fresh = self._atoms[len(known) : self.length]
            residual -= (fresh @ residual) @ fresh
            left = residual @ residual
            if left <= most:
                continue
            against = self.atoms if left < CANCELLED * before else fresh
            residual -= (against @ residual) @ against
            left = residual @ residual
            if left <= most:
                continue
            if self.length == len(self._atoms):
                wider = np.zeros((min(max(2 * self.length, PANEL), self.most), self.features), np.float32)
                wider[: self.length] = self._atoms
                self._atoms = wider
            np.divide(residual, np.sqrt(left), out=self._atoms[self.length])
            self.chosen.append(self.seen + int(row))
            self.samples.append(sample.copy())
            if self.length == self.most:
                return
