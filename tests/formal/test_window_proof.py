"""The receive window, for every run of packets: nothing is accepted twice, and what it reports is what it took."""

from typing import Any

from amaranth.hdl import Cat, Module, Signal
from prover import Describe, Specification, bounded, inductive, reachable, refuted, variant

from deep3.hdl.contract.protocol import WINDOW
from deep3.hdl.link.window import ReceiveWindow

CYCLES = 4
"""A verdict is about the sequence number of 2 cycles before."""


def window(unit: Any) -> Describe:
    """One arbitrary sequence number, and whether it was accepted in this session, beside the window."""

    def describe(m: Module, spec: Specification) -> None:
        m.submodules.dut = dut = unit()
        spec.drive(dut, "sequence", "accept", "clear")

        # As the session uses it: the number and the window stand for 2 cycles before a packet is accepted.
        calm = dut.settled & ~dut.accept & ~dut.clear
        sequences = [Signal(32, name=f"sequence_{age}_ago") for age in (1, 2)]
        calms = [Signal(name=f"calm_{age}_ago") for age in (1, 2)]
        m.d.sync += [Cat(*sequences).eq(Cat(dut.sequence, sequences[0])), Cat(*calms).eq(Cat(calm, calms[0]))]
        stands = Signal()
        m.d.comb += stands.eq(
            Cat(*calms).all() & dut.settled & (sequences[0] == dut.sequence) & (sequences[1] == dut.sequence)
        )
        spec.assume(~dut.accept | (stands & dut.fresh))
        # A session ends before its sequence numbers come round.
        spec.assume(dut.next < (1 << 32) - 2 * WINDOW)

        number = spec.arbitrary(32, "number")
        taken = Signal()
        with m.If(dut.clear):
            m.d.sync += taken.eq(0)
        with m.Elif(dut.accept & (dut.sequence == number)):
            m.d.sync += taken.eq(1)

        accepted = Signal(WINDOW)
        behind, inside = Signal(), Signal()
        offset = Signal(32)
        m.d.comb += [
            accepted.eq(Cat(~dut.settled, dut.bitmap)),
            behind.eq(number < dut.next),
            offset.eq(number - dut.next),
            inside.eq(~behind & (offset < WINDOW)),
        ]
        bit = accepted.bit_select(offset[: WINDOW.bit_length() - 1], 1)
        spec.expect(taken == (behind | (inside & bit)))
        spec.expect(~(dut.accept & (dut.sequence == number) & taken))
        spec.expect(~dut.bitmap[-1])
        judged = stands & (dut.sequence == number)
        spec.expect(~judged | (dut.in_order == (number == dut.next)))
        spec.expect(~judged | (dut.fresh == (inside & ~bit)))

        # It comes to rest: after n moves the n highest places are empty.
        moves = Signal(range(WINDOW + 2))
        with m.If(dut.settled | dut.clear):
            m.d.sync += moves.eq(0)
        with m.Else():
            m.d.sync += moves.eq(moves + 1)
        spec.expect(moves <= WINDOW)
        spec.expect((accepted >> (WINDOW - moves).as_unsigned()) == 0)

        spec.show(taken & (dut.next == number + 1))
        spec.show(taken & inside & (offset == 1))

    return describe


def test_nothing_is_accepted_twice_and_reports_are_true() -> None:
    inductive(window(ReceiveWindow), CYCLES)


def test_packets_are_taken_in_and_out_of_order() -> None:
    reachable(window(ReceiveWindow), 14)


@refuted(
    ("~far & ~accepted.bit_select(near, 1)", "~far"),
    ("[accepted.eq(0), self.next.eq(0)]", "self.next.eq(0)"),
    ("self.in_order.eq(~distance.any())", "self.in_order.eq(~distance[1:].any())"),
)
def test_a_fault_is_found(was: str, becomes: str) -> None:
    bounded(window(variant(ReceiveWindow, was, becomes)), 12)
