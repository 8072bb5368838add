"""The whole engine at its host bus, bit for bit (docs/engine.md): memories, programs, runs, counters."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.cycles import instruction_cycles, issue_to_issue_cycles, loss_wait_cycles
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.program import COUNTERS, Counter, Memory, ProgramError, Space, StartParameters
from deep3.hdl.contract.timing import fetch_cycles

from .chain import Chain, chains
from .execute import Memories, Rate, execute
from .plan import Plan

__all__ = ["Engine"]

Words = NDArray[np.uint16]

PROGRAMS = 8
"""Whose addresses are kept."""

_MASK_32 = 0xFFFFFFFF


class Engine:
    """An engine as its host sees it. A run executes at once, as far as batches are committed.

    Cycle counters are those of the closed form (`compiler.cycles`); BATCH_WAIT and HOST_WAIT, which depend
    on when the host writes, stay zero.

    Parameters
    ----------
    config : EngineConfig

    Attributes
    ----------
    memories : Memories
        Operand and label memories, random words.
    batches_done : int
        Batches finished since START.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        self.memories = Memories(config)
        self.batches_done = 0
        self._program = np.zeros(config.max_instructions * config.encoding.words, np.uint16)
        self._counters = dict.fromkeys(Counter, 0)
        self._instruction_counters = np.zeros((config.max_instructions, 2), np.int64)
        self._run: StartParameters | None = None
        self._program_chains: list[Chain] = []
        self._committed = 0
        self._fetch_wait_cycles = 0
        # By encoded program, and by plan: programs run many times.
        self._chains = lru_cache(maxsize=PROGRAMS)(self._decode)
        self._cycles = lru_cache(maxsize=PROGRAMS * config.max_instructions)(self._cycles_of)

    @property
    def busy(self) -> bool:
        """A run is on: it waits for batches to be committed."""
        return self._run is not None

    def write(self, space: Space, address: int, words: Words) -> None:
        """Store 16-bit words from ``address`` on.

        Raises
        ------
        ValueError
            When the words leave the space or the space cannot be written.
        """
        if space is Space.COUNTER:
            raise ValueError("space must be one that can be written, not COUNTER")
        self._check_range(space, address, len(words))
        end = address + len(words)
        if space is Space.PROGRAM:
            self._program[address:end] = words
        elif space is Space.LABEL:
            self.memories.labels.numpy()[address:end] = words
        else:
            self.memories.operands[Memory(space)].numpy()[address:end] = words.view(np.int16)

    def read(self, space: Space, address: int, count: int) -> Words:
        """``count`` 16-bit words from ``address`` on.

        Raises
        ------
        ValueError
            When the words leave the space.
        """
        self._check_range(space, address, count)
        end = address + count
        if space is Space.PROGRAM:
            return self._program[address:end].copy()
        if space is Space.COUNTER:
            return self._counter_words()[address:end]
        if space is Space.LABEL:
            return self.memories.labels[address:end].numpy().astype(np.uint16)
        return self.memories.operands[Memory(space)][address:end].numpy().view(np.uint16).copy()

    def counter(self, counter: Counter) -> int:
        """Value of one of the global counters."""
        return self.batches_done if counter is Counter.BATCHES else self._counters[counter]

    def start(self, parameters: StartParameters) -> None:
        """Begin a run; without effect while one is on.

        Raises
        ------
        ProgramError
            When the parameters name no program, or the program leaves a memory.
        """
        if self.busy:
            return
        parameters.check(self.config.max_instructions)
        first, count = parameters.first_instruction, parameters.instruction_count
        words = self.config.encoding.words
        self._program_chains = self._chains(self._program[first * words : (first + count) * words].tobytes())
        self._run = parameters
        self._counters = dict.fromkeys(Counter, 0)
        self._count(Counter.CYCLES, 1)
        self.batches_done = 0
        self._committed = 0
        if parameters.seed:
            self.memories.random.restart(parameters.seed)
        self._advance()

    def commit(self, batches: int) -> None:
        """That many batches more may run."""
        self._committed += batches
        self._advance()

    def abort(self) -> None:
        """End the run."""
        self._run = None

    def _advance(self) -> None:
        """Run every batch that may run."""
        while self._run is not None:
            if self.batches_done == self._run.batches:
                self._count(Counter.CYCLES, 1)
                self._run = None
            elif not self._run.resident and self._committed <= self.batches_done:
                return
            else:
                self._run_batch_or_end(self._run)

    def _run_batch_or_end(self, run: StartParameters) -> None:
        try:
            self._run_batch(run)
        except ProgramError:
            self._run = None
            raise

    def _run_batch(self, run: StartParameters) -> None:
        buffer = self.batches_done % run.buffers
        rate = Rate(run.rate_mantissa, run.rate_shift)
        if not self.batches_done:
            # The first fetch begins with START; the random words are seeded meanwhile, for one cycle.
            self._fetch_wait_cycles = fetch_cycles(self.config) - 1
        executed = (
            (plan, outcome)
            for chain in self._program_chains
            for plan, outcome in zip(
                chain.plans,
                execute(chain, self.memories, buffer * run.buffer_words, buffer * run.label_words, rate),
                strict=True,
            )
        )
        for slot, (plan, outcome) in enumerate(executed, run.first_instruction):
            cycles, next_cycles, loss_cycles = self._cycles(plan)
            self._count(Counter.CYCLES, self._fetch_wait_cycles)
            self._count(Counter.FETCH_WAIT, self._fetch_wait_cycles)
            self._fetch_wait_cycles = next_cycles - cycles
            # A slot keeps its counts until a run executes it again.
            if not self.batches_done:
                self._instruction_counters[slot] = 0
            self._instruction_counters[slot] += (cycles, outcome.saturations)
            self._count(Counter.CYCLES, cycles)
            self._count(Counter.LOSS_WAIT, loss_cycles)
            self._count(Counter.CORRECT, outcome.correct)
        self.batches_done += 1

    def _count(self, counter: Counter, amount: int) -> None:
        self._counters[counter] = self._counters[counter] + amount & _MASK_32

    def _cycles_of(self, plan: Plan) -> tuple[int, int, int]:
        """Cycles of an instruction, those to the next one, and those that it waits for its loss."""
        instruction, config = plan.instruction, self.config
        return (
            instruction_cycles(instruction, config), issue_to_issue_cycles(instruction, config),
            loss_wait_cycles(instruction, config),
        )  # fmt: skip

    def _decode(self, program: bytes) -> list[Chain]:
        encoding = self.config.encoding
        slots = np.frombuffer(program, np.uint16).reshape(-1, encoding.words).tolist()
        return chains([Instruction.decode(words, encoding) for words in slots], self.config)

    def _counter_words(self) -> Words:
        totals = np.zeros(COUNTERS, np.uint32)
        for counter in Counter:
            totals[counter] = self.counter(counter)
        counts = np.concatenate([totals, self._instruction_counters.astype(np.uint32).ravel()])
        return counts.astype("<u4").view("<u2").astype(np.uint16)

    def _check_range(self, space: Space, address: int, count: int) -> None:
        words = self.config.space_words(space)
        if address < 0 or count < 0 or address + count > words:
            last = address + count - 1
            raise ValueError(f"words of {space.name} must be between 0 and {words - 1}, not {address}..{last}")
