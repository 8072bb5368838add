"""Training of noise on the golden engine, and what a direct computation of it starts from."""

import numpy as np
from convolution_reference import Direct, saturate
from dense_reference import Randomness
from drained_words import as_weights, drained
from hypothesis import assume
from hypothesis import strategies as st

from deep3.compiler.layout import DoesNotFit, Layout
from deep3.compiler.lowering import Lowered, lower
from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import Optimiser
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.program import Memory, Mode, Space
from deep3.sim.golden.engine.engine import Engine

__all__ = ["Matrices", "Run", "decayed", "engines", "gradient_step", "lowered_or_not", "random_words", "words"]

Matrices = list[np.ndarray]

@st.composite
def engines(draw: st.DrawFn) -> EngineConfig:
    """Some have so little room for errors that matrices are trained in parts."""
    return EngineConfig(
        rows=draw(st.integers(2, 9)), columns=draw(st.integers(2, 9)),
        accumulator_words=draw(st.sampled_from([16, 64])),
        activation_bank_words=8192, weight_bank_words=8192, error_bank_words=1024, max_layers=16, convolution=True,
        dropout=True, adagrad=True,
    )  # fmt: skip


def words(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> np.ndarray:
    return np.clip(rng.normal(0, scale, shape), -32768, 32767).astype(np.int16)


def lowered_or_not(network: Network, config: EngineConfig, batch: int, optimiser: Optimiser) -> Lowered:
    try:
        return lower(network, config, batch, 2, optimiser)
    except DoesNotFit:
        assume(False)
        raise


class Run:
    """Batches of noise on the golden engine, and what a direct computation starts from."""

    def __init__(self, lowered: Lowered, rng: np.random.Generator, scale: float, seed: int) -> None:
        self.lowered = lowered
        for each in lowered.training.instructions:
            read = {each.stream_memory, each.load_memory, each.aux_memory} - {Memory.NONE}
            assert len(read) == 2 + (each.aux_memory is not Memory.NONE), "each walk reads a memory of its own"
        layout, network = lowered.layout, lowered.layout.network
        self.samples = words(rng, (2, layout.batch, network.inputs), 4096)
        self.labels = rng.integers(0, network.classes, (2, layout.batch)).astype(np.uint16)
        weights = [words(rng, shape, scale) for shape in network.weight_shapes]
        at_once = frozenset(step.layer + 1 for step in layout.steps if step.pool)
        self.direct = Direct(network, layout.config, [each.astype(np.int64) for each in weights], at_once)
        self.random = Randomness(layout.config.columns, seed)
        self.seed = seed
        self.drops: dict[int, np.ndarray] | None = None
        self.engine = engine = Engine(layout.config)
        noise = rng.integers(0, 1 << 16, layout.config.error_words).astype(np.uint16)
        engine.write(Space.ERROR, 0, noise)
        engine.write(Space.PROGRAM, 0, lowered.image())
        engine.write(Space.ACTIVATION, 0, layout.borders().view(np.uint16))
        engine.write(Space.ACTIVATION, layout.inputs.base, layout.padded_inputs(self.samples).view(np.uint16).ravel())
        engine.write(Space.LABEL, 0, self.labels.ravel())
        parameters = [(array[:, :-1], array[:, -1]) for array in weights]
        engine.write(Space.WEIGHT, 0, layout.pack_weights(parameters).view(np.uint16))

    def train(self, batches: int, rate: tuple[int, int]) -> None:
        self.engine.start(self.lowered.training.start(self.lowered.layout, batches, rate, seed=self.seed))

    def drop(self) -> None:
        """Take the random words of the FORWARD instructions of a batch."""
        layout, training = self.lowered.layout, self.lowered.training
        self.drops = {}
        for number, phase in enumerate(training.phases[: len(layout.steps) - 1]):
            threshold, tensor = layout.steps[number].dropout_threshold, layout.hidden[number]
            assert {each.dropout_threshold for each in phase.instructions} == {threshold}
            if threshold:
                met: dict[int, int] = {}
                for each in phase.instructions:
                    met |= drained(each, each.out, self.random, layout.config.banks)
                image = np.full(layout.config.activation_words, -1, np.int64)
                image[list(met)] = list(met.values())
                taken = tensor.take(image[tensor.base : tensor.end])
                assert taken.min() >= 0
                self.drops[number] = taken % 256 < threshold

    def sums(self, turn: int) -> Matrices:
        """Sums of the gradients of a batch."""
        stored = self.direct.forward(self.samples[turn % 2], self.drops)
        return self.direct.sums(stored, self.labels[turn % 2].astype(np.int64))

    def held(self, base: int) -> Matrices:
        """Matrices in the engine, of weights or of a state, from this address on."""
        layout = self.lowered.layout
        image = self.engine.read(Space.WEIGHT, base, layout.weights[-1].end).view(np.int16)
        return [np.column_stack(parts).astype(np.int64) for parts in layout.unpack_weights(image)]


def kind(layout: Layout, instruction: Instruction) -> str:
    """What an instruction writes: gradients or new values to scratch, roots there, weights, the state, or any of them
    with weight decay."""
    decay, last_row = layout.optimiser.decay_word(layout.batch), layout.config.rows - 1
    if decay and instruction.load.base == layout.diagonal(decay) + last_row:
        return "decay"
    if instruction.output_memory is Memory.ERROR:
        return "scratch" if instruction.mode is Mode.UPDATE else "root"
    return "state" if layout.state and instruction.out.base >= layout.state[0].base else "weights"


def random_words(run: Run) -> dict[str, Matrices]:
    """Of one batch: the random word that meets each weight where something is written for it."""
    layout = run.lowered.layout
    banks = layout.config.banks
    offset = layout.state[0].base - layout.weights[0].base if layout.state else 0
    found: dict[str, dict[int, int]] = {"scratch": {}, "root": {}, "weights": {}, "state": {}, "decay": {}}

    def meet(what: str, met: dict[int, int], moved: int) -> None:
        place = {address - moved: word for address, word in met.items()}
        assert not place.keys() & found[what].keys()
        found[what] |= place

    waiting: dict[int, int] = {}
    for instruction in run.lowered.training.instructions:
        what = kind(layout, instruction)
        if instruction.mode not in (Mode.UPDATE, Mode.ADAGRAD):
            continue
        if what == "scratch" and not (layout.state and instruction.aux.base >= layout.state[0].base):
            # Upon zeros: the next to read them tells which weights they are of.
            waiting |= drained(instruction, instruction.out, run.random, banks)
            continue
        if waiting:
            moved = instruction.stream.base - instruction.aux.base
            meet("scratch", waiting, -moved if what == "decay" else moved + offset)
            waiting = {}
        walk = {"weights": instruction.out, "state": instruction.out, "decay": instruction.stream}.get(
            what, instruction.aux
        )
        meet(what, drained(instruction, walk, run.random, banks), 0 if what in ("weights", "decay") else offset)
    return {what: as_weights(layout, place) for what, place in found.items() if place}


def decayed(
    run: Run, words: np.ndarray, weights: np.ndarray, rate: tuple[int, int], random: dict[str, Matrices], index: int
) -> np.ndarray:
    """``words`` with the weight decay of the matrix ``weights``, as the engine takes it in."""
    layout = run.lowered.layout
    decay = layout.optimiser.decay_word(layout.batch)
    if not decay:
        return words
    return saturate(words - gradient_step(weights * decay, rate, random["decay"][index]), 16)


def gradient_step(sums: np.ndarray, rate: tuple[int, int], random: np.ndarray) -> np.ndarray:
    return ((saturate(sums >> 14, 18) * rate[0] >> (4 * rate[1])) + random) >> 16
