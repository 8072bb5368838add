"""The state of a run as a value: all that a run needs to go on as if it had never stopped."""

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.optimisers.optimiser import SGD, Adagrad, Optimiser
from deep3.errors import Deep3Error
from deep3.host.data.arrays import read_npz
from deep3.host.global_network.blocks import Sample, Weights, gather, scatter_add
from deep3.host.global_network.global_network import GlobalNetwork
from deep3.host.global_network.schemes import Joining, Scheme
from deep3.host.workers.assignment import Assignment
from deep3.host.workers.tasks import Task, Update

__all__ = ["BatchStream", "RunState", "StateError", "WorkerState"]

VERSION = 5


class StateError(Deep3Error):
    """A file that is no state of the run that is to go on."""


class BatchStream:
    """An endless stream of batches: one seeded permutation of the rows after the other, cut without a remainder."""

    def __init__(self, rows: NDArray[np.int64], seed: Sequence[int]) -> None:
        self.generator = np.random.default_rng(list(seed))
        self.left = np.empty(0, dtype=np.int64)
        """Of the last permutation."""
        self._rows = rows

    def take(self, batches: int, batch: int) -> NDArray[np.int64]:
        """Row numbers ``batches x batch``."""
        wanted = batches * batch
        parts, there = [self.left[:wanted]], len(self.left)
        self.left = self.left[wanted:]
        while there < wanted:
            order = self._rows[self.generator.permutation(len(self._rows))]
            parts.append(order[: wanted - there])
            self.left = order[wanted - there :]
            there += len(order)
        return np.concatenate(parts).reshape(batches, batch)


@dataclass
class WorkerState:
    """Where one worker stands.

    Attributes
    ----------
    sampling, rounding
        Random numbers of its subsamples, and of the seeds for its stochastic rounding.
    stream
        Its batches.
    pushes
        Of its updates that were added.
    task
        What it was given and has not brought back. A state that is loaded has it trained again: with the same seed, to
        the same bits.
    """

    sampling: np.random.Generator
    rounding: np.random.Generator
    stream: BatchStream
    pushes: int = 0
    task: Task | None = None


@dataclass
class RunState:
    """Where a run stands between two updates; changed by `host.training.coordinator.Coordinator`.

    Attributes
    ----------
    network
        The global network.
    workers
        One for each worker.
    kept
        What the optimiser keeps of each weight of the global network: nothing, Adagrad's sums for all workers together,
        or the velocities of each worker, as its own gradients make them.
    seed
        Of the run.
    turns
        Numbers of the workers that are left, the one whose turn it is first.
    velocity
        Of every weight, for schemes with momentum; empty before their first round, and with others.
    iteration
        Updates added.
    samples
        Samples handed out in tasks, those under way included.
    multiply_adds
        Of all updates added.
    seconds
        Wall time up to now, pauses not counted.
    finished
        The run has come to its end.
    """

    network: GlobalNetwork
    workers: list[WorkerState]
    kept: list[Weights] = field(default_factory=list)
    seed: int = 0
    turns: list[int] = field(default_factory=list)
    velocity: Weights = field(default_factory=list)
    iteration: int = 0
    samples: int = 0
    multiply_adds: int = 0
    seconds: float = 0.0
    finished: bool = False

    @classmethod
    def begin(
        cls, network: GlobalNetwork, assignments: Sequence[Assignment], seed: int, optimiser: Optimiser = SGD
    ) -> "RunState":
        """The state before the first task."""
        workers = [
            WorkerState(
                sampling=np.random.default_rng([seed, number, 0]),
                rounding=np.random.default_rng([seed, number, 2]),
                stream=BatchStream(assignment.rows, [seed, number, 1]),
            )
            for number, assignment in enumerate(assignments)
        ]
        holders = 0 if not optimiser.state else 1 if isinstance(optimiser, Adagrad) else len(workers)
        kept = [[np.zeros_like(matrix) for matrix in network.weights] for _ in range(holders)]
        return cls(network, workers, kept, seed, list(range(len(workers))))

    def kept_by(self, worker: int) -> Weights:
        """What the optimiser keeps of each weight for a worker; changed by `join`."""
        return self.kept[min(worker, len(self.kept) - 1)] if self.kept else []

    def parts(self, worker: int, sample: Sample) -> tuple[Weights, Weights]:
        """Copies of the weights between the sampled neurons, and of what the optimiser keeps of them."""
        kept = self.kept_by(worker)
        return self.network.local_weights(sample), gather(self.network.topology, kept, sample) if kept else []

    @property
    def others(self) -> float:
        """Other local networks that train a hidden neuron while a worker does, on the average: N r - 1 for N workers
        and the ratio r. Workers count by the updates they add: one a hundred times slower than another hardly does."""
        pushes = [1 + self.workers[number].pushes for number in self.turns]
        return max(0.0, self.network.ratio * sum(pushes) ** 2 / sum(count * count for count in pushes) - 1)

    def join(self, updates: Sequence[Update], scheme: Scheme, momentum: float) -> None:
        """Take over what workers made of their tasks, of which they then have none."""
        if scheme.has_velocity and not self.velocity:
            self.velocity = [np.zeros_like(matrix) for matrix in self.network.weights]
        joining = Joining(self.others, momentum, self.velocity)
        scheme.join(self.network, [(update.task.sample, update.trained.difference) for update in updates], joining)
        for update in updates:
            if self.kept:
                kept = self.kept_by(update.worker)
                scatter_add(self.network.topology, kept, update.task.sample, update.trained.state_difference)
            worker = self.workers[update.worker]
            worker.task, worker.pushes = None, worker.pushes + 1
        self.iteration += len(updates)

    def save(self, path: Path) -> None:
        """Write arrays and, as JSON, the rest to one ``.npz`` file in one step."""
        arrays = {f"weights_{layer}": matrix for layer, matrix in enumerate(self.network.weights)}
        arrays |= {
            f"kept_{holder}_{layer}": matrix
            for holder, kept in enumerate(self.kept)
            for layer, matrix in enumerate(kept)
        }
        arrays |= {f"velocity_{layer}": matrix for layer, matrix in enumerate(self.velocity)}
        numbers = ("seed", "turns", "iteration", "samples", "multiply_adds", "seconds", "finished")
        values: dict[str, Any] = {name: getattr(self, name) for name in numbers}
        values["workers"] = [_save_worker(worker, f"worker_{n}", arrays) for n, worker in enumerate(self.workers)]
        values["version"] = VERSION
        handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, allow_pickle=False, state=np.array(json.dumps(values)), **arrays)
            os.replace(partial, path)
        finally:
            Path(partial).unlink(missing_ok=True)

    @classmethod
    def load(
        cls, path: Path, network: GlobalNetwork, assignments: Sequence[Assignment], optimiser: Optimiser = SGD
    ) -> "RunState":
        """Read what `save` wrote; ``network`` takes the weights.

        Raises
        ------
        DataError
            When the file cannot be read.
        StateError
            When it is damaged, or of other workers or another network.
        """
        arrays = read_npz(path)
        try:
            return cls._from_arrays(arrays, network, assignments, optimiser)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            remedy = "start a new run from its checkpoint (--from)"
            raise StateError(f"{path}: not the state of this run: {reason}; {remedy}") from None

    @classmethod
    def _from_arrays(
        cls,
        arrays: "dict[str, NDArray[Any]]",
        network: GlobalNetwork,
        assignments: Sequence[Assignment],
        optimiser: Optimiser,
    ) -> "RunState":
        values = json.loads(str(arrays["state"]))
        if values["version"] != VERSION:
            raise ValueError(f"version must be {VERSION}, not {values['version']!r}")
        if len(values["workers"]) != len(assignments):
            raise ValueError(f"{len(values['workers'])} workers, not {len(assignments)}")
        for layer, matrix in enumerate(network.weights):
            saved = arrays[f"weights_{layer}"]
            if saved.shape != matrix.shape:
                raise ValueError(f"layer {layer} has weights of the shape {saved.shape}, not {matrix.shape}")
            network.weights[layer] = saved.astype(np.float32)
        state = cls.begin(network, assignments, int(values["seed"]), optimiser)
        if "velocity_0" in arrays:
            state.velocity = [np.zeros_like(matrix) for matrix in network.weights]
            for layer, matrix in enumerate(state.velocity):
                matrix[:] = arrays[f"velocity_{layer}"]
        for holder, kept in enumerate(state.kept):
            for layer, matrix in enumerate(kept):
                matrix[:] = arrays[f"kept_{holder}_{layer}"]
        for number, worker in enumerate(state.workers):
            _load_worker(worker, values["workers"][number], f"worker_{number}", arrays, len(network.weights))
        # A worker that was lost is there again; its turn comes last.
        turns = [int(number) for number in values["turns"]]
        state.turns = turns + [number for number in range(len(assignments)) if number not in turns]
        state.iteration, state.samples = int(values["iteration"]), int(values["samples"])
        state.multiply_adds, state.seconds = int(values["multiply_adds"]), float(values["seconds"])
        state.finished = bool(values["finished"])
        return state


def _save_worker(worker: WorkerState, name: str, arrays: "dict[str, NDArray[Any]]") -> dict[str, Any]:
    """The JSON part; what is an array goes to ``arrays``."""
    arrays[f"{name}_left"] = worker.stream.left
    values: dict[str, Any] = {
        "sampling": worker.sampling.bit_generator.state,
        "rounding": worker.rounding.bit_generator.state,
        "stream": worker.stream.generator.bit_generator.state,
        "pushes": worker.pushes,
        "task": None,
    }
    if (task := worker.task) is not None:
        numbers = {"rate": task.rate, "seed": task.seed, "iteration": task.iteration}
        values["task"] = {**numbers, "sampled_layers": len(task.sample)}
        arrays |= {f"{name}_state_{layer}": matrix for layer, matrix in enumerate(task.state)}
        arrays[f"{name}_rows"] = task.rows
        arrays |= {f"{name}_sample_{layer}": indices for layer, indices in enumerate(task.sample)}
        arrays |= {f"{name}_weights_{layer}": matrix for layer, matrix in enumerate(task.weights)}
    return values


def _load_worker(
    worker: WorkerState, values: dict[str, Any], name: str, arrays: "dict[str, NDArray[Any]]", layers: int
) -> None:
    worker.sampling.bit_generator.state = values["sampling"]
    worker.rounding.bit_generator.state = values["rounding"]
    worker.stream.generator.bit_generator.state = values["stream"]
    worker.stream.left = arrays[f"{name}_left"]
    worker.pushes = int(values["pushes"])
    if values["task"] is not None:
        worker.task = Task(
            sample=tuple(arrays[f"{name}_sample_{layer}"] for layer in range(values["task"]["sampled_layers"])),
            weights=[arrays[f"{name}_weights_{layer}"] for layer in range(layers)],
            state=[arrays[key] for layer in range(layers) if (key := f"{name}_state_{layer}") in arrays],
            rows=arrays[f"{name}_rows"],
            rate=float(values["task"]["rate"]),
            seed=int(values["task"]["seed"]),
            iteration=int(values["task"]["iteration"]),
        )
