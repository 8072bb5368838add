"""Clocks of a board from its oscillator: a PLL a family, and what it has to be told.

Part of the seam of `hdl.cells.primitives`: ``elaborate`` takes a `Target` as its platform, any other gets the plain
twin.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from amaranth import Const, Instance, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from deep3.errors import Deep3Error
from deep3.hdl.contract.target import Target

__all__ = ["ClockError", "ClockOutput", "Pll", "PllSettings", "pll_settings"]


class ClockError(Deep3Error, ValueError):
    """Clocks that no setting of a PLL makes; the message says from what."""


@dataclass(frozen=True)
class ClockOutput:
    """One output of a PLL: its frequency, and its phase behind the first output in degrees (0, 90, 180 or 270)."""

    hz: int
    phase_degrees: int = 0


@dataclass(frozen=True)
class PllSettings:
    """Oscillator of a PLL at ``input_hz / input_divider * multiplier``; one divider an output."""

    input_divider: int
    multiplier: int
    vco_hz: int
    dividers: tuple[int, ...]


@dataclass(frozen=True)
class _Limits:
    outputs: int
    vco_hz: tuple[int, int]
    detector_hz: tuple[int, int]
    most_multiplier: int


_LIMITS = {
    # Lattice FPGA-DS-02012, sysCLOCK PLL timing; one of its four outputs is kept for the feedback.
    Target.ECP5: _Limits(3, (400_000_000, 800_000_000), (10_000_000, 400_000_000), 128 * 128),
    # Xilinx DS181, DS182, DS152: speed grade 1.
    Target.XILINX: _Limits(6, (600_000_000, 1_200_000_000), (10_000_000, 450_000_000), 64),
    Target.VIRTEX6: _Limits(6, (600_000_000, 1_200_000_000), (10_000_000, 450_000_000), 64),
}
_MOST_DIVIDER = 128
_MOST_OUTPUT_HZ = 400_000_000


def pll_settings(input_hz: int, outputs: tuple[ClockOutput, ...], target: Target) -> PllSettings:
    """Settings that make every output exactly, with the fastest phase detector, then the slowest oscillator.

    Raises
    ------
    ClockError
        When there are none.
    """
    limits = _LIMITS[target]
    wanted = ", ".join(f"{output.hz / 1e6:g} MHz" for output in outputs)
    if not 1 <= len(outputs) <= limits.outputs:
        raise ClockError(f"a PLL has 1 to {limits.outputs} outputs here, not {len(outputs)} ({wanted})")
    for settings in _candidates(input_hz, limits):
        dividers = [Fraction(settings.vco_hz, output.hz) for output in outputs]
        if any(divider.denominator != 1 or divider > _MOST_DIVIDER for divider in dividers):
            continue
        whole = tuple(int(divider) for divider in dividers)
        if all(output.phase_degrees * divider % 360 == 0 for output, divider in zip(outputs, whole, strict=True)):
            return PllSettings(settings.input_divider, settings.multiplier, settings.vco_hz, whole)
    raise ClockError(f"no setting of a PLL makes {wanted} from {input_hz / 1e6:g} MHz")


def _candidates(input_hz: int, limits: _Limits) -> Iterator[PllSettings]:
    low, high = limits.vco_hz
    for divider in range(1, _MOST_DIVIDER + 1):
        detector = Fraction(input_hz, divider)
        if not limits.detector_hz[0] <= detector <= limits.detector_hz[1]:
            continue
        for multiplier in range(ceil(low / detector), min(floor(high / detector), limits.most_multiplier) + 1):
            vco_hz = detector * multiplier
            if vco_hz.denominator == 1:
                yield PllSettings(divider, multiplier, int(vco_hz), ())


def _feedback(settings: PllSettings) -> tuple[int, int]:
    """The multiplier as feedback divider times output divider, the latter the smallest whose output is in range."""
    for output in range(ceil(settings.vco_hz / _MOST_OUTPUT_HZ), _MOST_DIVIDER + 1):
        if settings.multiplier % output == 0 and settings.multiplier // output <= _MOST_DIVIDER:
            return settings.multiplier // output, output
    raise ClockError(f"no feedback divides by {settings.multiplier}")


class Pll(wiring.Component):
    """PLL or MMCM with clocks on global nets; in simulation every output is the input.

    The clocks stand still until the PLL has locked. Registers have their initial values from configuration, so what
    runs on these clocks needs no reset: that of some thousand registers would be one of the longest paths of a device.

    Parameters
    ----------
    input_hz
        Of ``clk_in``.
    outputs
        What to make of it; their order is that of ``clk``.

    Members
    -------
    clk_in : In(1)
        From the pin.
    clk : Out(len(outputs))
    locked : Out(1)
        The clocks can be relied upon; asynchronous.

    Raises
    ------
    ClockError
        On elaboration, when no setting makes the outputs.
    """

    clk_in: Signal
    clk: Signal
    locked: Signal

    def __init__(self, input_hz: int, outputs: tuple[ClockOutput, ...]) -> None:
        self.input_hz = input_hz
        self.outputs = outputs
        super().__init__({"clk_in": In(1), "clk": Out(len(outputs)), "locked": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if not isinstance(platform, Target) or platform is Target.GENERIC:
            m.d.comb += [self.clk.eq(self.clk_in.replicate(len(self.outputs))), self.locked.eq(1)]
            return m
        settings = pll_settings(self.input_hz, self.outputs, platform)
        if platform is Target.ECP5:
            m.submodules.pll = self._ecp5(m, settings)
        else:
            self._mmcm(m, settings, "MMCM_BASE" if platform is Target.VIRTEX6 else "MMCME2_BASE")
        return m

    def _ecp5(self, m: Module, settings: PllSettings) -> Instance:
        feedback, feedback_output = _feedback(settings)
        feedback_clock = Signal()
        raw = Signal(len(self.outputs))
        for index, (early, clock) in enumerate(zip(raw, self.clk, strict=True)):
            m.submodules[f"gate{index}"] = Instance("DCCA", i_CLKI=early, i_CE=self.locked, o_CLKO=clock)
        values: dict[str, object] = {
            "p_PLLRST_ENA": "DISABLED", "p_INTFB_WAKE": "DISABLED", "p_STDBY_ENABLE": "DISABLED",
            "p_DPHASE_SOURCE": "DISABLED", "p_CLKI_DIV": settings.input_divider, "p_CLKFB_DIV": feedback,
            "p_FEEDBK_PATH": "INT_OS3", "p_CLKOS3_ENABLE": "ENABLED", "p_CLKOS3_DIV": feedback_output,
            "p_CLKOS3_CPHASE": feedback_output - 1, "p_CLKOS3_FPHASE": 0,
            "i_CLKI": self.clk_in, "i_CLKFB": feedback_clock, "o_CLKINTFB": feedback_clock, "o_LOCK": self.locked,
            **{f"i_{name}": Const(0) for name in (
                "RST", "STDBY", "PHASESEL0", "PHASESEL1", "PLLWAKESYNC", "ENCLKOP",
            )},
            **{f"i_{name}": Const(1) for name in ("PHASEDIR", "PHASESTEP", "PHASELOADREG")},
        }  # fmt: skip
        for name, divider, output, clock in zip(
            ("CLKOP", "CLKOS", "CLKOS2"), settings.dividers, self.outputs, raw, strict=False
        ):
            values |= {
                f"p_{name}_ENABLE": "ENABLED", f"p_{name}_DIV": divider, f"p_{name}_FPHASE": 0,
                # A phase of the oscillator's cycles; a divider of n counts from n - 1.
                f"p_{name}_CPHASE": divider - 1 + divider * output.phase_degrees // 360, f"o_{name}": clock,
            }  # fmt: skip
        # Charge pump and loop filter as the vendor's tool sets them (Project Trellis, ecppll).
        analog = {"ICP_CURRENT": "12", "LPF_RESISTOR": "8", "MFG_ENABLE_FILTEROPAMP": "1", "MFG_GMCREF_SEL": "2"}
        return Instance("EHXPLLL", **{f"a_{name}": value for name, value in analog.items()}, **values)

    def _mmcm(self, m: Module, settings: PllSettings, cell: str) -> None:
        feedback_clock = Signal()
        raw = Signal(len(self.outputs))
        values: dict[str, object] = {
            "p_CLKIN1_PERIOD": 1e9 / self.input_hz, "p_DIVCLK_DIVIDE": settings.input_divider,
            "p_CLKFBOUT_MULT_F": float(settings.multiplier), "i_CLKIN1": self.clk_in, "i_CLKFBIN": feedback_clock,
            "o_CLKFBOUT": feedback_clock, "i_RST": Const(0), "i_PWRDWN": Const(0), "o_LOCKED": self.locked,
        }  # fmt: skip
        for index, (divider, output) in enumerate(zip(settings.dividers, self.outputs, strict=True)):
            # Only the first output has a fractional divider.
            values[f"p_CLKOUT{index}_DIVIDE{'_F' if index == 0 else ''}"] = float(divider) if index == 0 else divider
            values[f"p_CLKOUT{index}_PHASE"] = float(output.phase_degrees)
            values[f"o_CLKOUT{index}"] = raw[index]
            m.submodules[f"buffer{index}"] = Instance(
                "BUFGCE", i_I=raw[index], i_CE=self.locked, o_O=self.clk[index]
            )
        m.submodules.mmcm = Instance(cell, **values)
