"""Settings of PLLs: exact and within the limits of the devices, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep3.cost_model.boards import board_names, load_board
from deep3.hdl.cells.clocking import ClockError, ClockOutput, Pll, pll_settings
from deep3.hdl.cells.verilog import to_verilog
from deep3.hdl.contract.target import Target

MHZ = 1_000_000
LIMITS_HZ = {
    Target.ECP5: (400 * MHZ, 800 * MHZ),
    Target.XILINX: (600 * MHZ, 1200 * MHZ),
    Target.VIRTEX6: (600 * MHZ, 1200 * MHZ),
}
TARGETS = {"ecp5": Target.ECP5, "xilinx7": Target.XILINX, "virtex6": Target.VIRTEX6}


@given(data=st.data(), target=st.sampled_from(sorted(LIMITS_HZ, key=str)), input_mhz=st.integers(10, 200))
def test_settings_make_what_is_asked_for(data: st.DataObject, target: Target, input_mhz: int) -> None:
    low_hz, high_hz = LIMITS_HZ[target]
    multipliers = range(-(-low_hz // (input_mhz * MHZ)), min(high_hz // (input_mhz * MHZ), 64) + 1)
    vco_hz = input_mhz * MHZ * data.draw(st.sampled_from(multipliers))
    divided_hz = [vco_hz // divider for divider in range(2, 33) if vco_hz % divider == 0]
    wanted_hz = data.draw(st.lists(st.sampled_from(divided_hz), min_size=1, max_size=3))
    settings = pll_settings(input_mhz * MHZ, tuple(map(ClockOutput, wanted_hz)), target)
    assert settings.vco_hz * settings.input_divider == input_mhz * MHZ * settings.multiplier
    assert low_hz <= settings.vco_hz <= high_hz
    assert [settings.vco_hz / divider for divider in settings.dividers] == wanted_hz
    assert input_mhz * MHZ / settings.input_divider >= 10 * MHZ


def test_every_board_has_its_clock() -> None:
    for board in map(load_board, board_names()):
        outputs = (ClockOutput(board.clock.sync_hz), ClockOutput(125 * MHZ))
        settings = pll_settings(board.clock.input_hz, outputs, TARGETS[board.family])
        assert settings.vco_hz == board.clock.sync_hz * settings.dividers[0]


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ((ClockOutput(127 * MHZ),), "no setting of a PLL makes 127 MHz from 100 MHz"),
        ((), "a PLL has 1 to 3 outputs here, not 0 ()"),
        ((ClockOutput(125 * MHZ, 1),), "no setting of a PLL makes 125 MHz from 100 MHz"),
    ],
)
def test_what_cannot_be_made_is_refused(outputs: tuple[ClockOutput, ...], message: str) -> None:
    with pytest.raises(ClockError) as caught:
        pll_settings(100 * MHZ, outputs, Target.ECP5)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("target", "cell"),
    [(Target.ECP5, "EHXPLLL"), (Target.XILINX, "MMCME2_BASE"), (Target.VIRTEX6, "MMCM_BASE"), (Target.GENERIC, None)],
)
def test_each_family_has_its_cell(target: Target, cell: str | None) -> None:
    text = to_verilog(Pll(100 * MHZ, (ClockOutput(125 * MHZ), ClockOutput(125 * MHZ, 90))), target, "pll")
    assert {name for name in ("EHXPLLL", "MMCME2_BASE", "MMCM_BASE") if f"{name} " in text} == ({cell} - {None})


def test_ecp5_feedback_closes_the_loop() -> None:
    text = to_verilog(Pll(25 * MHZ, (ClockOutput(125 * MHZ),)), Target.ECP5, "pll")
    settings = pll_settings(25 * MHZ, (ClockOutput(125 * MHZ),), Target.ECP5)
    parameters = {}
    for line in text.splitlines():
        name, _, value = line.strip().strip(",").removeprefix(".").partition("(")
        if value.startswith("32'd"):
            parameters[name] = int(value.removeprefix("32'd").rstrip("),"))
    assert parameters["CLKFB_DIV"] * parameters["CLKOS3_DIV"] == settings.multiplier
    assert settings.vco_hz / parameters["CLKOS3_DIV"] <= 400 * MHZ
