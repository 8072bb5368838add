"""A classifier with the interface of scikit-learn's."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin  # type: ignore[import-untyped]
from sklearn.utils import check_random_state  # type: ignore[import-untyped]
from sklearn.utils.metaestimators import available_if  # type: ignore[import-untyped]
from sklearn.utils.multiclass import check_classification_targets  # type: ignore[import-untyped]
from sklearn.utils.validation import check_is_fitted, validate_data  # type: ignore[import-untyped]

from deep3.errors import Deep3Error, as_one_line
from deep3.host.data import Dataset

from .from_python import settings_for
from .memory import train_in_memory
from .model import Model
from .settings import ARRAYS

__all__ = ["Classifier", "EstimatorError", "EstimatorTypeError"]


class EstimatorError(Deep3Error, ValueError):
    """Samples, labels or parameters that cannot be trained on or classified."""


class EstimatorTypeError(Deep3Error, TypeError):
    """Samples or labels of another kind than arrays of numbers, a sparse matrix for one."""


def _has_probabilities(estimator: "Classifier") -> bool:
    return estimator.loss == "softmax"


class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A fully connected network as an estimator of scikit-learn's, trained in memory by any mix of workers.

    Samples are ``samples x features`` finite numbers, centred and scaled inside; labels are one a sample, of any kind
    that scikit-learn takes.

    Parameters
    ----------
    hidden
        Neurons of each hidden layer.
    workers
        As ``--worker`` of ``deep3 train`` takes them: ``"cpu:2"``, ``"golden:1"``, ``"board:192.168.1.50"``.
    activation, loss
        "tanh", "relu" or "sigmoid" of the hidden layers; "softmax" or "mse".
    batch, n_push
        Samples of a batch; batches that a worker trains before it pushes its change of weights.
    ratio
        Share of the hidden neurons that a worker's local network takes.
    epochs
        Passes over the training samples, all workers together.
    rate
        Learning rate for the mean gradient of a batch; None for 0.1, with momentum 0.03, with Adagrad 0.01.
    schedule
        How it falls over the run: "constant", "linear", "cosine" or "step".
    scheme
        How the workers' updates are joined: "guarded", "add", "average", "nesterov", "disjoint" or "rolling".
    outer_momentum
        Of the scheme "nesterov".
    optimiser
        "sgd", "momentum" or "adagrad".
    momentum
        Share of the velocity that is left after a batch; None for 0.9 with "momentum", and else for none.
    weight_decay
        So many times the weights are added to their gradients.
    projection
        Threshold beta of the dictionary projection; None keeps the features.
    embedding
        Length of the projected samples, as `deep3.size` answers it, in place of ``projection``; "auto" for as long as
        longer ones lower the validation error.
    validation_share
        Share of the samples set aside to choose the best network by; at least one sample.
    deterministic
        Take updates in turns, so that a fit repeats bit for bit; faster workers then wait.
    config
        Path of an engine's configuration (TOML) for golden, virtual, board and serial workers; None for one that fits.
    random_state
        Seed of everything random, a generator of NumPy's, or None for another one each time.

    Attributes
    ----------
    classes_
        The labels that occur, ascending.
    model_
        The trained network, a `deep3.Model`.
    n_features_in_
        Values of a sample.

    Raises
    ------
    EstimatorError
        A ValueError, from every method: for data or parameters that cannot be used.
    EstimatorTypeError
        A TypeError: for sparse matrices.

    Examples
    --------
    >>> import deep3
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import cross_val_score
    >>> x, y = load_digits(return_X_y=True)
    >>> scores = cross_val_score(deep3.Classifier(hidden=(32,), epochs=5), x, y, cv=2)
    >>> bool(scores.min() > 0.7)
    True
    """

    def __init__(
        self,
        hidden: tuple[int, ...] = (64, 32),
        workers: tuple[str, ...] = ("cpu:1",),
        activation: str = "tanh",
        loss: str = "softmax",
        batch: int = 32,
        n_push: int = 10,
        ratio: float = 1.0,
        epochs: float = 30.0,
        rate: float | None = None,
        schedule: str = "step",
        scheme: str = "guarded",
        outer_momentum: float = 0.5,
        optimiser: str = "sgd",
        momentum: float | None = None,
        weight_decay: float = 0.0,
        projection: float | None = None,
        embedding: int | str | None = None,
        validation_share: float = 0.1,
        deterministic: bool = True,
        config: str | None = None,
        random_state: Any = None,
    ) -> None:
        self.hidden = hidden
        self.workers = workers
        self.activation = activation
        self.loss = loss
        self.batch = batch
        self.n_push = n_push
        self.ratio = ratio
        self.epochs = epochs
        self.rate = rate
        self.schedule = schedule
        self.scheme = scheme
        self.outer_momentum = outer_momentum
        self.optimiser = optimiser
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.projection = projection
        self.embedding = embedding
        self.validation_share = validation_share
        self.deterministic = deterministic
        self.config = config
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train on ``samples x features`` and one label a sample; the fitted estimator itself.

        Raises
        ------
        EstimatorError, EstimatorTypeError
            For samples, labels or parameters that cannot be trained on.
        LinkError
            When a board does not answer.
        """
        with as_one_line(EstimatorError, EstimatorTypeError):
            samples, labels = validate_data(self, X, y, dtype=np.float32)
            check_classification_targets(labels)
            classes, indices = np.unique(labels, return_inverse=True)
            if len(samples) < 2:
                raise EstimatorError("there must be 2 samples or more to train and validate with, not 1 sample")
            seed = int(check_random_state(self.random_state).randint(1 << 31))
            options = self.get_params() | {"seed": seed}
            del options["random_state"]
            # One sample at least on either side.
            fewest = 0.5 / len(samples) + 1e-9
            options["validation_share"] = max(float(self.validation_share), min(fewest, 0.5))
            names = tuple(map(str, classes.tolist()))
            none = samples[:0], indices[:0]
            dataset = Dataset(ARRAYS, samples, indices.astype(np.int64), *none, class_names=names)
            settings = settings_for(dataset, ARRAYS, **options)
            trained = train_in_memory(dataset, settings)
        self.classes_ = classes
        self.model_ = Model(trained.checkpoint)
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Labels, as `classes_` has them, of ``samples x features``.

        Raises
        ------
        EstimatorError, EstimatorTypeError
            For samples that cannot be classified.
        """
        samples = self._samples(X)
        found: NDArray[Any] = self.classes_[self.model_.outputs(samples).argmax(axis=1)]
        return found

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Probabilities, ``samples x classes``, in the order of `classes_`; with loss "softmax" only.

        Raises
        ------
        EstimatorError, EstimatorTypeError
            For samples that cannot be classified.
        """
        samples = self._samples(X)
        return self.model_.predict_proba(samples)

    def _samples(self, X: ArrayLike) -> NDArray[np.float32]:
        check_is_fitted(self)
        with as_one_line(EstimatorError, EstimatorTypeError):
            samples: NDArray[np.float32] = validate_data(self, X, dtype=np.float32, reset=False)
        return samples
