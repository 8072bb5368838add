"""Instructions that are executed as one: backward phases of convolutions and pools, which are many short ones."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.program import Mode

from .plan import Operand, Plan

__all__ = ["Chain", "chains"]


class Chain:
    """Plans of instructions that differ in loops and walks only, and of which none reads what another writes.

    Their operands are made to reach from the lowest to the highest word of all, so that they share what is read.

    Parameters
    ----------
    plans
        At least one; theirs from now on.

    Attributes
    ----------
    first
        The first plan, which stands for all in what does not differ.
    lanes : list of int
        Sums of each plan.
    """

    def __init__(self, plans: Sequence[Plan]) -> None:
        self.plans = tuple(plans)
        self.first = self.plans[0]
        self.lanes = [plan.enabled.numel() * plan.instruction.time_count for plan in plans]
        if len(self.plans) > 1:
            for name in ("stream", "load", "aux", "out"):
                operands: list[Operand] = [getattr(plan, name) for plan in self.plans]
                lowest, highest = min(each.lowest for each in operands), max(each.highest for each in operands)
                for plan, operand in zip(self.plans, operands, strict=True):
                    setattr(plan, name, replace(operand, lowest=lowest, highest=highest))

    @cached_property
    def enabled(self) -> Tensor | None:
        """bool [lanes of all]: sums that count; None where all do."""
        if all(plan.all_enabled for plan in self.plans):
            return None
        steps = [plan.instruction.time_count for plan in self.plans]
        spread = [plan.enabled[:, None, :].expand(-1, count, -1) for plan, count in zip(self.plans, steps, strict=True)]
        return torch.cat([each.flatten() for each in spread])

    @cached_property
    def aux_places(self) -> Tensor:
        """int64 [lanes of all]: where aux lies behind ``first.aux.lowest``; lanes that do not count may be anywhere."""
        return torch.cat([plan.aux.all_places.flatten() for plan in self.plans if plan.aux is not None])

    @cached_property
    def results(self) -> tuple[Tensor | None, Tensor]:
        """Which of the results of all lanes are stored, None for all; and where, behind ``first.out.lowest``."""
        stored, places = [], []
        for plan in self.plans:
            assert plan.out is not None
            found = plan.out.all_places
            places.append(found.flatten())
            stored.append(plan.enabled[:, None, :].expand_as(found).flatten())
        every, where = torch.cat(stored), torch.cat(places)
        chosen = every.nonzero().flatten()
        if len(self.plans) > 1:
            # Of words that several write the last counts.
            _, last = np.unique(where[chosen].flip(0).numpy(), return_index=True)
            chosen = chosen[len(chosen) - 1 - torch.from_numpy(np.sort(last)).flip(0)]
        return (None, where) if len(chosen) == len(where) else (chosen, where[chosen])


def chains(instructions: Sequence[Instruction], config: EngineConfig) -> list[Chain]:
    """A program, in order."""
    found: list[list[Plan]] = []
    for instruction in instructions:
        plan = Plan(instruction, config)
        if found and _goes_on(found[-1], plan):
            found[-1].append(plan)
        else:
            found.append([plan])
    return [Chain(plans) for plans in found]


def _goes_on(plans: list[Plan], plan: Plan) -> bool:
    """Whether a plan can be executed together with those before it."""
    if plan.instruction.mode is not Mode.BACKWARD or plan.aux is None or plan.out is None:
        return False
    if _kind(plans[0].instruction) != _kind(plan.instruction):
        return False
    reads = (plan.stream, plan.load, plan.aux)
    return not any(_meet(read, other.out) for read in reads for other in plans)


def _kind(instruction: Instruction) -> tuple[object, ...]:
    """All that is not loops and strides."""
    walks = (instruction.stream, instruction.load, instruction.aux, instruction.out)
    return (
        instruction.mode, instruction.format, instruction.function, instruction.loss, instruction.window,
        instruction.stream_memory, instruction.load_memory, instruction.aux_memory, instruction.output_memory,
        instruction.mask, instruction.mask_bits, instruction.position_bits, instruction.dropout_threshold,
        *(walk.buffered for walk in walks),
    )  # fmt: skip


def _meet(read: Operand, written: Operand | None) -> bool:
    if written is None or read.memory is not written.memory:
        return False
    # Buffers are moved by an offset that is not known here.
    apart = read.highest < written.lowest or written.highest < read.lowest
    return not apart or read.buffered is not written.buffered

