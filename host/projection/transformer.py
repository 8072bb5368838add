"""The streaming dictionary projection with the interface of scikit-learn's transformers."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (  # type: ignore[import-untyped]
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_array, check_is_fitted, validate_data  # type: ignore[import-untyped]

from deep3.errors import as_one_line

from .dictionary import Dictionary, energies, project
from .errors import ProjectionError, ProjectionTypeError
from .feedback import Search, lengths
from .rotation import LEAST_BETA, Moments, atoms_for, dictionary_of_length
from .stream import Samples, blocks
from .subspace import Subspace

__all__ = ["DictionaryProjection"]


class DictionaryProjection(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Projects samples onto a subspace grown from the samples themselves, in one pass over a stream of any length.

    A sample farther from the subspace than ``beta`` of its own length (both less the mean) is added to the dictionary
    that spans it; the embedding is the coefficients of its orthonormal atoms, float32. Once there, an atom stays:
    embeddings of before are still right, padded with zeros (`pad`).

    Parameters
    ----------
    beta
        Relative distance, between 0 and 1. None, with ``n_components``: as many of the samples as that takes.
    n_components
        Length of the embedding: the dictionary is rotated to the principal axes of its coefficients, and those of the
        least energy are cut. None for as many as the dictionary has atoms.
    rotate
        Rotate to the principal axes also without cutting.
    widen
        Whether rows wider than those before bring new sensors, behind the others; else they are refused.
    feedback
        Validation error, 0 to 1, of what is trained on the embedding of the projection that it is called with, which is
        this one at a shorter length: growth ends where the error no longer falls (Deep3, equation 3). None grows until
        every sample is within ``beta``.
    least_gain, patience
        Growth ends after so many lengths, each a quarter longer than the one before, without so much less error.

    Attributes
    ----------
    components_
        ``n_components_ x features``: orthonormal rows.
    mean_
        ``features``: of all samples of `fit`, of the first block of a stream.
    indices_
        Numbers in the stream of the samples that the dictionary took.
    samples_
        These samples, ``atoms x features``.
    n_components_
        Length of the embedding.
    n_features_in_
        Values of a sample.
    n_samples_seen_
        Of the stream so far.
    search_
        Lengths tried with their errors and the best, a `Search`; with ``feedback`` only.

    Raises
    ------
    ProjectionError
        A ValueError, from every method: for samples or parameters that cannot be used. What was learned before stays.
    ProjectionTypeError
        A TypeError: for sparse matrices.

    Examples
    --------
    >>> import deep3
    >>> from sklearn.datasets import load_digits
    >>> x, y = load_digits(return_X_y=True)
    >>> projection = deep3.DictionaryProjection(beta=0.5).fit(x)
    >>> embedding = projection.transform(x)
    >>> embedding.shape == (1797, projection.n_components_)
    True
    >>> import numpy as np
    >>> distance = np.linalg.norm(x - projection.inverse_transform(embedding), axis=1)
    >>> bool((distance <= 0.5001 * np.linalg.norm(x - projection.mean_, axis=1)).all())
    True
    """

    _learned: Subspace
    search_: Search[int]

    def __init__(
        self,
        beta: float | None = 0.1,
        n_components: int | None = None,
        rotate: bool = False,
        widen: bool = False,
        feedback: "Callable[[DictionaryProjection], float] | None" = None,
        least_gain: float = 0.002,
        patience: int = 2,
    ) -> None:
        self.beta = beta
        self.n_components = n_components
        self.rotate = rotate
        self.widen = widen
        self.feedback = feedback
        self.least_gain = least_gain
        self.patience = patience

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Learn from ``samples x features`` anew; the fitted projection itself.

        Raises
        ------
        ProjectionError, ProjectionTypeError
            For samples or parameters that cannot be used.
        """
        self.fit_transform(X)
        return self

    def fit_transform(self, X: ArrayLike, y: object = None) -> NDArray[np.float32]:
        """`fit`, and the embedding of the same samples, ``samples x n_components_``, for hardly more than the one.

        Raises
        ------
        ProjectionError, ProjectionTypeError
            For samples or parameters that cannot be used.
        """
        fresh = self._anew()
        with _one_line():
            least = 1 if self.n_components is None else 2
            x = validate_data(fresh, X, dtype=np.float32, ensure_min_samples=least)
            mean = x.mean(axis=0, dtype=np.float64).astype(np.float32)
            fresh._begin(mean)
            if fresh.beta is None and fresh.n_components is not None:
                fresh._learned = Subspace(*dictionary_of_length(x, mean, fresh.n_components), fresh.n_components)
                embedding = fresh._transform(x)
            else:
                embedding = fresh._learned.rotated(fresh._learn(x))
            fresh._check_length()
        self.__dict__.update(fresh.__dict__)
        return embedding

    def partial_fit(self, X: ArrayLike, y: object = None) -> Self:
        """Learn from the next ``samples x features`` of a stream; the mean is that of the first.

        Raises
        ------
        ProjectionError, ProjectionTypeError
            For samples or parameters that cannot be used; what was learned before stays.
        """
        with _one_line():
            if not hasattr(self, "_learned"):
                fresh = self._anew()
                x = validate_data(fresh, X, dtype=np.float32)
                fresh._begin(x.mean(axis=0, dtype=np.float64).astype(np.float32))
                fresh._learn(x)
                self.__dict__.update(fresh.__dict__)
                return self
            before = self.n_features_in_
            is_wider = self.widen and np.ndim(X) == 2 and np.shape(X)[1] > before
            if is_wider:
                energies(check_array(X, dtype=np.float32))
            x = validate_data(self, X, dtype=np.float32, reset=is_wider)
            if is_wider:
                self._learned.dictionary.widen(x[:, before:].mean(axis=0, dtype=np.float64).astype(np.float32))
            self._learn(x)
        return self

    def fit_stream(self, samples: Samples) -> Self:
        """Learn anew from samples that need not fit the memory: an array, mapped or not, the path of a ``.npy`` file or
        of a folder of such files, or parts from a generator. The projection itself.

        Raises
        ------
        ProjectionError
            For files that are missing or damaged, and samples or parameters that cannot be used.
        """
        fresh = self._anew()
        for block in blocks(samples):
            fresh.partial_fit(block)
        if not hasattr(fresh, "_learned"):
            raise ProjectionError("there must be samples to learn from; the stream is empty")
        fresh._check_length()
        self.__dict__.update(fresh.__dict__)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """The embedding, ``samples x n_components_``, of ``samples x features``.

        Raises
        ------
        ProjectionError, ProjectionTypeError
            For samples that cannot be projected.
        """
        check_is_fitted(self)
        with _one_line():
            return self._transform(validate_data(self, X, dtype=np.float32, reset=False))

    def transform_stream(self, samples: Samples) -> Iterator[NDArray[np.float32]]:
        """Embeddings of samples that need not fit the memory (`fit_stream`), block by block.

        Raises
        ------
        ProjectionError
            For files that are missing or damaged, and samples that cannot be projected.
        """
        check_is_fitted(self)
        return map(self.transform, blocks(samples))

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Samples, ``samples x features``, of embeddings ``samples x n_components_``: the nearest in the subspace.

        Raises
        ------
        ProjectionError, ProjectionTypeError
            For embeddings of another length.
        """
        check_is_fitted(self)
        found: NDArray[np.float32] = self._embeddings(X, self.n_components_) @ self.components_ + self.mean_
        return found

    def pad(self, X: ArrayLike) -> NDArray[np.float32]:
        """Embeddings of before the dictionary grew as of now: zeros behind, not computed again.

        What they miss of the new atoms is less than ``beta``, as it was before.

        Raises
        ------
        ProjectionError, ProjectionTypeError
            With a rotation, which turns as the dictionary grows; for embeddings longer than those of now.
        """
        check_is_fitted(self)
        if self._learned.moments is not None:
            raise ProjectionError("a rotated embedding cannot be padded: its axes turn; transform the samples again")
        embeddings = self._embeddings(X, 0)
        return np.pad(embeddings, ((0, 0), (0, self.n_components_ - embeddings.shape[1])))

    def cut(self, n_components: int) -> "DictionaryProjection":
        """A projection of a shorter embedding out of the same pass: of the first atoms, or of the strongest axes.

        Raises
        ------
        ProjectionError
            For a length that it has not.
        """
        check_is_fitted(self)
        if type(n_components) is not int or not 1 <= n_components <= self.n_components_:
            raise ProjectionError(f"n_components must be between 1 and {self.n_components_}, not {n_components!r}")
        shorter = self._anew()
        shorter.__dict__.update(self.__dict__)
        shorter._learned = self._learned.cut(n_components)
        return shorter

    def resume_growth(self) -> Self:
        """Let a dictionary whose growth the feedback has ended grow again; the projection itself."""
        check_is_fitted(self)
        self._learned.dictionary.most = self.n_features_in_
        self.search_ = Search(self.least_gain, self.patience)
        return self

    @property
    def components_(self) -> NDArray[np.float32]:
        """Orthonormal rows, ``n_components_ x features``."""
        return self._learned.components

    @property
    def explained_variance_(self) -> NDArray[np.float32]:
        """Variance along each component of a rotated projection, descending."""
        return self._learned.variances

    @property
    def mean_(self) -> NDArray[np.float32]:
        """What is subtracted from every sample."""
        return self._learned.dictionary.mean

    @property
    def indices_(self) -> NDArray[np.int64]:
        """Numbers in the stream of the samples that the dictionary took."""
        return np.array(self._learned.dictionary.chosen, np.int64)

    @property
    def samples_(self) -> NDArray[np.float32]:
        """The samples that the dictionary took, ``atoms x features``."""
        centred = np.array(self._learned.dictionary.samples, np.float32).reshape(-1, self.n_features_in_)
        return centred + self.mean_

    @property
    def n_components_(self) -> int:
        """Length of the embedding."""
        return self._learned.length

    @property
    def n_samples_seen_(self) -> int:
        """Samples of the stream so far."""
        return self._learned.dictionary.seen

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_learned")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _anew(self) -> "DictionaryProjection":
        """One with these parameters that has learned nothing."""
        if self.beta is None and self.n_components is None:
            raise ProjectionError("give a threshold beta or n_components, not None for both")
        if self.beta is not None and not 0 < self.beta < 1:
            raise ProjectionError(f"beta must be between 0 and 1, not {self.beta!r}")
        if self.feedback is not None and (self.rotate or self.n_components is not None):
            raise ProjectionError("feedback chooses how many atoms there are; leave n_components and rotate out")
        return type(self)(**self.get_params(deep=False))

    def _begin(self, mean: NDArray[np.float32]) -> None:
        length, features = self.n_components, len(mean)
        if length is not None and (type(length) is not int or not 1 <= length <= features):
            raise ProjectionError(f"n_components must be between 1 and the {features} features, not {length!r}")
        most = atoms_for(length, features) if self.beta is None and length is not None else features
        dictionary = Dictionary(mean, LEAST_BETA if self.beta is None else self.beta, most)
        self._learned = Subspace(dictionary, Moments() if self.rotate or length is not None else None, length)
        if self.feedback is not None:
            self.search_ = Search(self.least_gain, self.patience)

    def _learn(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Coefficients of the atoms; the validation error ends their growth where it no longer falls."""
        coefficients = self._learned.learn(x)
        if self.feedback is None:
            return coefficients
        for length in lengths(self.n_components_)[len(self.search_.tried) :]:
            if not self.search_.is_over:
                self.search_.add(length, float(self.feedback(self.cut(length))))
        if self.search_.is_over and self.search_.best is not None:
            self._learned.dictionary.cut(min(self.search_.best, self.n_components_))
        return coefficients[:, : self.n_components_]

    def _check_length(self) -> None:
        if self.n_components is not None and self.n_components_ < self.n_components:
            raise ProjectionError(
                f"n_components must be at most {self.n_components_}, not {self.n_components}: {self.n_samples_seen_}"
                " samples span no more dimensions"
            )

    def _transform(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return project(x, self.mean_, self.components_)

    def _embeddings(self, X: ArrayLike, least: int) -> NDArray[np.float32]:
        most = self.n_components_
        with _one_line():
            found: NDArray[np.float32] = check_array(X, dtype=np.float32, ensure_min_features=0)
            if not least <= found.shape[1] <= most:
                shapes = f"samples x {most}" if least else f"samples x {most} or less"
                raise ProjectionError(f"embeddings must have the shape {shapes}, not {found.shape}")
        return found


def _one_line() -> AbstractContextManager[None]:
    return as_one_line(ProjectionError, ProjectionTypeError)
