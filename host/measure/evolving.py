"""``deep3 bench evolving``: classes, or sensors, that come in mid-stream; growing with them beside starting again."""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from deep3.compiler.network.network import Network
from deep3.compiler.network.subsample import taken_from
from deep3.hdl.contract.fixed_point import from_q3_12, saturate_q3_12
from deep3.host.data import load
from deep3.host.global_network.global_network import GlobalNetwork
from deep3.host.global_network.widen import widened
from deep3.host.projection.projection import Projection, scale_exponents
from deep3.host.projection.transformer import DictionaryProjection
from deep3.host.workers.dense import DenseBackend, can_compile

__all__ = ["Evolving", "bench_evolving"]

DATA = "isolet"
BETA = 0.4
HIDDEN = 200
BATCH = 32
RATE = 0.1
EPOCHS = 8
OLD_SHARE = 0.5
"""Of the classes, or of the sensors and the samples, that there are at first."""

Samples = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Evolving:
    """What came, and how soon it was known.

    Attributes
    ----------
    what
        "classes" or "sensors".
    before, grown, again
        Test accuracy, 0 to 1, on all test samples after each epoch: of the old data; of all data with projection and
        network grown; and with both begun anew.
    atoms_before, atoms_grown, atoms_again
        Lengths of the embedding.
    grown_s, again_s
        CPU time of the projection when the new data come: of these alone, and of all data.
    """

    what: str
    before: list[float]
    grown: list[float]
    again: list[float]
    atoms_before: int
    atoms_grown: int
    atoms_again: int
    grown_s: float
    again_s: float


@dataclass
class _Learner:
    """A projection, the scales of its embedding, and a network behind it."""

    projection: DictionaryProjection
    scales: Projection
    network: GlobalNetwork

    @classmethod
    def begin(cls, projection: DictionaryProjection, embedding: Samples, classes: int) -> "_Learner":
        scales = _scales(embedding, np.zeros(0, np.float32), np.zeros(0, np.int64))
        topology = Network.uniform((scales.outputs, HIDDEN, classes))
        return cls(projection, scales, GlobalNetwork.initialise(topology, 1.0, seed=1))

    def grow(self, embedding: Samples, classes: int) -> None:
        """For a longer embedding and more classes."""
        self.scales = _scales(embedding, self.scales.offset, self.scales.exponents)
        self.network = widened(self.network, self.scales.outputs, classes)

    def train(self, embedding: Samples, y: Labels, test: tuple[Samples, Labels]) -> list[float]:
        """Test accuracy after each epoch."""
        words, _ = saturate_q3_12(self.scales.transform(embedding))
        seen, _ = saturate_q3_12(self.scales.transform(self.projection.transform(test[0])))
        x_test = from_q3_12(seen).astype(np.float32)
        backend, rng = DenseBackend(self.network.topology, compiled=can_compile()), np.random.default_rng(2)
        whole = tuple(np.arange(size) for size in taken_from(self.network.topology))
        accuracies = []
        for _ in range(EPOCHS):
            order = rng.permutation(len(y))[: len(y) // BATCH * BATCH].reshape(-1, BATCH)
            trained = backend.train(self.network.weights, words[order], y[order], RATE, seed=1)
            self.network.add(whole, trained.difference)
            accuracies.append(float((self.network.outputs(x_test).argmax(axis=1) == test[1]).mean()))
        return accuracies


def bench_evolving(progress: bool = True) -> list[Evolving]:
    """On ISOLET: half of the classes, then all; half of the samples with half of the sensors, then the others with all.

    Embeddings of before are padded, not computed again, and the network that was trained on them goes on.

    Raises
    ------
    DataError
        Where ISOLET cannot be had.
    """
    data = load(DATA)
    x, y, test = data.x_train, data.y_train, (data.x_test, data.y_test)
    old_classes, old_sensors = int(OLD_SHARE * data.classes), int(OLD_SHARE * data.features)
    is_old = y < old_classes
    first = np.random.default_rng(1).random(len(x)) < OLD_SHARE
    with threadpool_limits(1):
        cases = [
            ("classes", x[is_old], y[is_old], x[~is_old], y[~is_old], test),
            ("sensors", x[first, :old_sensors], y[first], x[~first], y[~first], (test[0][:, :old_sensors], test[1])),
        ]
        return [_case(*case, test) for case in tqdm(cases, desc="evolving", disable=not progress)]


def _case(
    what: str,
    x_old: Samples,
    y_old: Labels,
    x_new: Samples,
    y_new: Labels,
    test_before: tuple[Samples, Labels],
    test: tuple[Samples, Labels],
) -> Evolving:
    projection = DictionaryProjection(BETA, widen=True).partial_fit(x_old)
    old = projection.transform(x_old)
    learner = _Learner.begin(projection, old, int(y_old.max()) + 1)
    before = learner.train(old, y_old, test_before)

    started_s = time.process_time()
    projection.partial_fit(x_new)
    embedding = np.concatenate([projection.pad(old), projection.transform(x_new)])
    grown_s = time.process_time() - started_s
    y = np.concatenate([y_old, y_new])
    learner.grow(embedding, int(y.max()) + 1)
    grown = learner.train(embedding, y, test)

    # Samples without the new sensors count as having had the mean there, as they do in growing.
    filled = np.broadcast_to(projection.mean_, (len(x_old), len(projection.mean_))).copy()
    filled[:, : x_old.shape[1]] = x_old
    everything = np.concatenate([filled, x_new])
    started_s = time.process_time()
    anew = DictionaryProjection(BETA)
    fresh = anew.fit_transform(everything)
    again_s = time.process_time() - started_s
    again = _Learner.begin(anew, fresh, int(y.max()) + 1).train(fresh, y, test)
    lengths = old.shape[1], embedding.shape[1], fresh.shape[1]
    return Evolving(what, before, grown, again, *lengths, grown_s, again_s)


def _scales(embedding: Samples, offset: NDArray[np.float32], exponents: NDArray[np.int64]) -> Projection:
    """Of an embedding the first of whose scales are known already and stay."""
    known, nothing = len(offset), np.zeros(embedding.shape[1], np.float32)
    offset = np.concatenate([offset, embedding[:, known:].mean(axis=0)])
    exponents = np.concatenate([exponents, scale_exponents(embedding - offset)[known:]])
    return Projection(nothing, None, offset, exponents)
