"""Cells between pins and fabric: both clock edges, skew, three states; with plain twins for simulation.

Part of the seam of `hdl.cells.primitives`: ``elaborate`` takes a `Target` as its platform, any other gets the plain
twin.
"""

from amaranth import ClockDomain, ClockSignal, Const, Instance, Module, Mux, Signal
from amaranth.hdl import IOPort
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.contract.target import Target

__all__ = ["DdrInput", "DdrOutput", "InputDelay", "ThreeState", "delay_taps"]

ECP5_TAP_PS = 25
ECP5_TAPS = 128
"""DELAYG, nominal (Lattice FPGA-TN-02035)."""

XILINX_TAP_PS = 78
XILINX_TAPS = 32
"""IDELAYE2 and IODELAYE1 with a 200 MHz reference: 1 / (2 x 32 x 200 MHz) = 78.125 ps (Xilinx UG471, UG361)."""


def delay_taps(delay_ps: int, target: object) -> int:
    """Taps of the delay cell of a family that come nearest to a delay; 0 where there is no such cell.

    Raises
    ------
    TypeError, ValueError
        For a delay that is not an integer of picoseconds, or that the cell does not reach.
    """
    tap_ps, taps = (ECP5_TAP_PS, ECP5_TAPS) if target is Target.ECP5 else (XILINX_TAP_PS, XILINX_TAPS)
    if type(delay_ps) is not int:
        raise TypeError(f"delay_ps must be an integer, not {delay_ps!r}")
    if not 0 <= delay_ps <= tap_ps * (taps - 1):
        raise ValueError(f"delay_ps must be between 0 and {tap_ps * (taps - 1)}, not {delay_ps!r}")
    return (delay_ps + tap_ps // 2) // tap_ps if isinstance(target, Target) and target is not Target.GENERIC else 0


def _check_width(width: int) -> None:
    if type(width) is not int:
        raise TypeError(f"width must be an integer, not {width!r}")
    if width < 1:
        raise ValueError(f"width must be at least 1, not {width!r}")


class InputDelay(wiring.Component):
    """Fixed delay between input pins and their registers; nothing in simulation.

    Xilinx cells count on an IDELAYCTRL with a 200 MHz reference in their clock region (`hdl.cells.clocking`).

    Parameters
    ----------
    width
        Pins.
    delay_ps
        0..3175 on ECP5, 0..2418 on Xilinx. With 0 there is no cell.

    Members
    -------
    i : In(width), o : Out(width)

    Raises
    ------
    TypeError, ValueError
        For a width below 1; on elaboration, for a delay out of reach.
    """

    i: Signal
    o: Signal

    def __init__(self, width: int, delay_ps: int) -> None:
        _check_width(width)
        self.width = width
        self.delay_ps = delay_ps
        super().__init__({"i": In(width), "o": Out(width)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        taps = delay_taps(self.delay_ps, platform)
        if not taps:
            m.d.comb += self.o.eq(self.i)
            return m
        for bit in range(self.width):
            m.submodules[f"delay{bit}"] = self._cell(platform, taps, bit)
        return m

    def _cell(self, platform: object, taps: int, bit: int) -> Instance:
        i, o = self.i[bit], self.o[bit]
        if platform is Target.ECP5:
            return Instance("DELAYG", p_DEL_MODE="USER_DEFINED", p_DEL_VALUE=taps, i_A=i, o_Z=o)
        zeros = {f"i_{name}": Const(0) for name in ("C", "CE", "INC", "CINVCTRL", "DATAIN")}
        if platform is Target.VIRTEX6:
            return Instance(
                "IODELAYE1", p_IDELAY_TYPE="FIXED", p_IDELAY_VALUE=taps, p_DELAY_SRC="I", p_REFCLK_FREQUENCY=200.0,
                i_IDATAIN=i, i_ODATAIN=Const(0), i_T=Const(1), i_RST=Const(0), i_CLKIN=Const(0), o_DATAOUT=o, **zeros,
            )  # fmt: skip
        return Instance(
            "IDELAYE2", p_IDELAY_TYPE="FIXED", p_IDELAY_VALUE=taps, p_DELAY_SRC="IDATAIN", p_REFCLK_FREQUENCY=200.0,
            i_IDATAIN=i, i_LD=Const(0), i_LDPIPEEN=Const(0), i_REGRST=Const(0), o_DATAOUT=o, **zeros,
        )  # fmt: skip


class DdrInput(wiring.Component):
    """Input pins sampled on both edges of ``sync``.

    Latency 1 cycle from the rising edge to both samples, more in the cells of a vendor; every cell has the same.

    Parameters
    ----------
    width
        Pins.

    Members
    -------
    pin : In(width)
    rise : Out(width), fall : Out(width)
        Samples of a rising edge and of the falling edge that follows it.
    """

    pin: Signal
    rise: Signal
    fall: Signal

    def __init__(self, width: int) -> None:
        _check_width(width)
        self.width = width
        super().__init__({"pin": In(width), "rise": Out(width), "fall": Out(width)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if not isinstance(platform, Target) or platform is Target.GENERIC:
            m.domains.falling = falling = ClockDomain(clk_edge="neg", reset_less=True, local=True)
            m.d.comb += falling.clk.eq(ClockSignal())
            rise = Signal(self.width, reset_less=True)
            fall = Signal(self.width, reset_less=True)
            m.d.sync += [rise.eq(self.pin), self.rise.eq(rise), self.fall.eq(fall)]
            m.d.falling += fall.eq(self.pin)
            return m
        for bit in range(self.width):
            ports = {"i_D": self.pin[bit]}
            if platform is Target.ECP5:
                m.submodules[f"ddr{bit}"] = Instance(
                    "IDDRX1F", i_SCLK=ClockSignal(), i_RST=Const(0), o_Q0=self.rise[bit], o_Q1=self.fall[bit], **ports
                )
            else:
                m.submodules[f"ddr{bit}"] = Instance(
                    "IDDR", p_DDR_CLK_EDGE="SAME_EDGE_PIPELINED", i_C=ClockSignal(), i_CE=Const(1), i_R=Const(0),
                    i_S=Const(0), o_Q1=self.rise[bit], o_Q2=self.fall[bit], **ports,
                )  # fmt: skip
        return m


class DdrOutput(wiring.Component):
    """Output pins driven on both edges of ``sync``.

    Latency 1 cycle in simulation, more in the cells of a vendor; every cell of a family has the same.

    Parameters
    ----------
    width
        Pins.
    delay_ps
        Of the pins behind the clock; 0..3175, ECP5 only (other families shift the clock, `hdl.cells.clocking`).

    Members
    -------
    high : In(width), low : In(width)
        What the pins are while the clock is high, then while it is low.
    pin : Out(width)

    Raises
    ------
    TypeError, ValueError
        For a width below 1; on elaboration, for a delay out of reach.
    """

    high: Signal
    low: Signal
    pin: Signal

    def __init__(self, width: int, delay_ps: int = 0) -> None:
        _check_width(width)
        self.width = width
        self.delay_ps = delay_ps
        super().__init__({"high": In(width), "low": In(width), "pin": Out(width)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if not isinstance(platform, Target) or platform is Target.GENERIC:
            high = Signal(self.width, reset_less=True)
            low = Signal(self.width, reset_less=True)
            m.d.sync += [high.eq(self.high), low.eq(self.low)]
            m.d.comb += self.pin.eq(Mux(ClockSignal(), high, low))
            return m
        for bit in range(self.width):
            if platform is Target.ECP5:
                self._ecp5(m, bit)
            else:
                m.submodules[f"ddr{bit}"] = Instance(
                    "ODDR", p_DDR_CLK_EDGE="SAME_EDGE", i_C=ClockSignal(), i_CE=Const(1), i_R=Const(0), i_S=Const(0),
                    i_D1=self.high[bit], i_D2=self.low[bit], o_Q=self.pin[bit],
                )  # fmt: skip
        return m

    def _ecp5(self, m: Module, bit: int) -> None:
        taps = delay_taps(self.delay_ps, Target.ECP5)
        q = Signal(name=f"q{bit}") if taps else self.pin[bit]
        m.submodules[f"ddr{bit}"] = Instance(
            "ODDRX1F", i_SCLK=ClockSignal(), i_RST=Const(0), i_D0=self.high[bit], i_D1=self.low[bit], o_Q=q
        )
        if taps:
            m.submodules[f"delay{bit}"] = Instance(
                "DELAYG", p_DEL_MODE="USER_DEFINED", p_DEL_VALUE=taps, i_A=q, o_Z=self.pin[bit]
            )


class ThreeState(wiring.Component):
    """One pin of both directions; vendor families only, a simulation models the wire.

    Parameters
    ----------
    port : IOPort
        One pin of the top level.

    Members
    -------
    o : In(1), oe : In(1)
        Driven to the pin, and whether.
    i : Out(1)
        What the pin is.
    """

    o: Signal
    oe: Signal
    i: Signal

    def __init__(self, port: IOPort) -> None:
        self.port = port
        super().__init__({"o": In(1), "oe": In(1), "i": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if platform is Target.ECP5:
            m.submodules.pad = Instance("BB", i_I=self.o, i_T=~self.oe, o_O=self.i, io_B=self.port)
        else:
            m.submodules.pad = Instance("IOBUF", i_I=self.o, i_T=~self.oe, o_O=self.i, io_IO=self.port)
        return m
