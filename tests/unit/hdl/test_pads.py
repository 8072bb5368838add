"""Cells at the pins: which each family has, delays in taps, refusals."""

import pytest

from deep3.hdl.cells.pads import DdrInput, DdrOutput, InputDelay, delay_taps
from deep3.hdl.cells.verilog import to_verilog
from deep3.hdl.contract.target import Target

CELLS = ("IDDRX1F", "ODDRX1F", "DELAYG", "IDDR", "ODDR", "IDELAYE2", "IODELAYE1")


def cells(component: object, target: Target) -> set[str]:
    words = to_verilog(component, target, "top").split()  # type: ignore[arg-type]
    return {cell for cell in CELLS if cell in words}


@pytest.mark.parametrize(
    ("target", "delay", "read", "write"),
    [
        (Target.GENERIC, set(), set(), set()),
        (Target.ECP5, {"DELAYG"}, {"IDDRX1F"}, {"ODDRX1F"}),
        (Target.XILINX, {"IDELAYE2"}, {"IDDR"}, {"ODDR"}),
        (Target.VIRTEX6, {"IODELAYE1"}, {"IDDR"}, {"ODDR"}),
    ],
)
def test_each_family_has_its_cells(target: Target, delay: set[str], read: set[str], write: set[str]) -> None:
    assert cells(InputDelay(2, 2000), target) == delay
    assert cells(InputDelay(2, 0), target) == set()
    assert cells(DdrInput(2), target) == read
    assert cells(DdrOutput(2), target) == write


def test_ecp5_delays_outputs() -> None:
    assert cells(DdrOutput(1, 2000), Target.ECP5) == {"ODDRX1F", "DELAYG"}


@pytest.mark.parametrize(
    ("delay_ps", "target", "taps"),
    [(0, Target.ECP5, 0), (2000, Target.ECP5, 80), (3175, Target.ECP5, 127), (2000, Target.XILINX, 26), (9, None, 0)],
)
def test_taps_come_nearest(delay_ps: int, target: Target | None, taps: int) -> None:
    assert delay_taps(delay_ps, target) == taps


@pytest.mark.parametrize(
    ("delay_ps", "target", "message"),
    [
        (3176, Target.ECP5, "delay_ps must be between 0 and 3175, not 3176"),
        (2500, Target.XILINX, "delay_ps must be between 0 and 2418, not 2500"),
        (-1, Target.ECP5, "delay_ps must be between 0 and 3175, not -1"),
    ],
)
def test_a_delay_out_of_reach_is_refused(delay_ps: int, target: Target, message: str) -> None:
    with pytest.raises(ValueError, match="delay_ps") as caught:
        delay_taps(delay_ps, target)
    assert str(caught.value) == message
