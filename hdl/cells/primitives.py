"""The one seam to vendor primitives: what inference cannot reach, beside a plain twin for simulation.

`elaborate` of every component here takes a `Target` as its platform; any other platform gets the plain twin.
"""

from amaranth import ClockSignal, Const, Instance, Module, Signal, signed
from amaranth.hdl import ValueLike
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.contract.target import Target

__all__ = ["MULTIPLIER_BITS", "Multiplier", "RegisterCopy"]

MULTIPLIER_BITS = 18
"""Widest signed operand of one hard multiplier (ECP5 MULT18X18D; a Xilinx DSP48 takes 25 x 18)."""


class Multiplier(wiring.Component):  # type: ignore[type-arg]
    """Signed multiplier with input registers and an output register: one hard multiplier.

    Latency 2 cycles from ``a`` and ``b`` to ``p``, one product a cycle. Registers have no reset. On ECP5
    operands are left-aligned in the 18-bit ports, which leaves constant zeros below instead of a wide sign
    extension.

    Parameters
    ----------
    a_width, b_width
        Bits of the operands, 2..18.

    Members
    -------
    a : In(signed(a_width)), b : In(signed(b_width))
    b_enable : In(1)
        The input register of ``b`` takes its operand; with it low the register keeps the last one.
    p : Out(signed(a_width + b_width))

    Raises
    ------
    TypeError, ValueError
        For a width that is not an integer between 2 and 18.
    """

    a: Signal
    b: Signal
    b_enable: Signal
    p: Signal

    def __init__(self, a_width: int, b_width: int) -> None:
        for name, width in (("a_width", a_width), ("b_width", b_width)):
            if type(width) is not int:
                raise TypeError(f"{name} must be an integer, not {width!r}")
            if not 2 <= width <= MULTIPLIER_BITS:
                raise ValueError(f"{name} must be between 2 and {MULTIPLIER_BITS}, not {width!r}")
        self.a_width = a_width
        self.b_width = b_width
        super().__init__({
            "a": In(signed(a_width)),
            "b": In(signed(b_width)),
            "b_enable": In(1),
            "p": Out(signed(a_width + b_width)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if platform is Target.ECP5:
            m.submodules.hard = hard = _EcpMultiplier(self.a_width, self.b_width)
            m.d.comb += [
                hard.a.eq(self.a),
                hard.b.eq(self.b),
                hard.b_enable.eq(self.b_enable),
                self.p.eq(hard.p.as_signed()),
            ]
            return m
        a = Signal(signed(self.a_width), reset_less=True)
        b = Signal(signed(self.b_width), reset_less=True)
        p = Signal(signed(self.a_width + self.b_width), reset_less=True)
        m.d.sync += [a.eq(self.a), p.eq(a * b)]
        with m.If(self.b_enable):
            m.d.sync += b.eq(self.b)
        m.d.comb += self.p.eq(p)
        return m


class _EcpMultiplier(wiring.Component):  # type: ignore[type-arg]
    """MULT18X18D behind ports without a sign.

    Yosys elaborates a module again, which undoes the flattening before it, when a single bit of a signed vector goes to
    a cell that it learns of later.
    """

    a: Signal
    b: Signal
    b_enable: Signal
    p: Signal

    def __init__(self, a_width: int, b_width: int) -> None:
        super().__init__({"a": In(a_width), "b": In(b_width), "b_enable": In(1), "p": Out(a_width + b_width)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        product = Signal(2 * MULTIPLIER_BITS)
        ports: dict[str, ValueLike] = {
            "i_SIGNEDA": Const(1), "i_SIGNEDB": Const(1), "i_SOURCEA": Const(0), "i_SOURCEB": Const(0),
            "i_CLK0": ClockSignal(), "i_CE0": Const(1), "i_CE1": self.b_enable, "i_RST0": Const(0),
        }  # fmt: skip
        for letter, operand in (("A", self.a), ("B", self.b)):
            shift = MULTIPLIER_BITS - len(operand)
            for bit in range(MULTIPLIER_BITS):
                ports[f"i_{letter}{bit}"] = operand[bit - shift] if bit >= shift else Const(0)
        for bit in range(2 * MULTIPLIER_BITS):
            ports[f"o_P{bit}"] = product[bit]
        settings = {
            "p_REG_INPUTA_CLK": "CLK0", "p_REG_INPUTA_CE": "CE0",
            "p_REG_INPUTB_CLK": "CLK0", "p_REG_INPUTB_CE": "CE1",
            "p_REG_OUTPUT_CLK": "CLK0", "p_REG_OUTPUT_CE": "CE0",
            "p_GSR": "DISABLED",
        }  # fmt: skip
        m.submodules.mult = Instance("MULT18X18D", **settings, **ports)
        m.d.comb += self.p.eq(product[len(product) - len(self.p) :])
        return m


class RegisterCopy(wiring.Component):  # type: ignore[type-arg]
    """A register that synthesis keeps apart from its equals: one branch of a fan-out tree.

    Latency 1 cycle, no reset. Yosys merges registers with equal inputs, and one of them then drives what the
    copies were made to divide; an instantiated flip-flop marked ``keep`` is left alone.

    Parameters
    ----------
    width
        Bits, at least 1.

    Members
    -------
    d : In(width), q : Out(width)
    """

    d: Signal
    q: Signal

    def __init__(self, width: int) -> None:
        if type(width) is not int:
            raise TypeError(f"width must be an integer, not {width!r}")
        if width < 1:
            raise ValueError(f"width must be at least 1, not {width!r}")
        self.width = width
        super().__init__({"d": In(width), "q": Out(width)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if platform is Target.ECP5:
            for bit in range(self.width):
                m.submodules += Instance(
                    "TRELLIS_FF", a_keep=1, p_GSR="DISABLED", p_CEMUX="1", p_CLKMUX="CLK", p_LSRMUX="LSR",
                    p_REGSET="RESET", p_SRMODE="LSR_OVER_CE", i_CLK=ClockSignal(), i_LSR=Const(0),
                    i_DI=self.d[bit], o_Q=self.q[bit],
                )
            return m
        register = Signal(self.width, reset_less=True)
        m.d.sync += register.eq(self.d)
        m.d.comb += self.q.eq(register)
        return m
