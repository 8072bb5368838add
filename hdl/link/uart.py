"""Packets over two wires: bytes of a start bit, eight data bits (lowest first) and a stop bit, in COBS frames."""

from amaranth import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from .cobs import CobsDecoder, CobsEncoder, line_bytes
from .packet_bytes import packet_bytes

__all__ = ["MAX_CYCLES_A_BIT", "MIN_CYCLES_A_BIT", "UartLink", "UartReceiver", "UartTransmitter"]

MIN_CYCLES_A_BIT = 8
"""The middle of a bit is then found to an eighth of it."""

MAX_CYCLES_A_BIT = 1 << 16
_DATA_BITS = 8


class UartReceiver(wiring.Component):
    """Bytes off a wire; the twin is `sim.golden.link.uart.receive`.

    Every bit is taken in its middle, counted from the edge of the start bit; a start bit that is gone by its middle was
    a glitch. The clocks of both ends may differ by 4 % (half a bit in the 9.5 to the middle of the stop bit, less the
    cycle in which the edge is seen). A stop bit that is low makes the byte ``broken``; then nothing is taken until the
    wire is high. A byte leaves 4 cycles after the middle of its stop bit.

    Parameters
    ----------
    cycles_a_bit : int
        Clock cycles of one bit, between `MIN_CYCLES_A_BIT` and `MAX_CYCLES_A_BIT`.

    Members
    -------
    rx : In(1)
        Not synchronous to any clock; high when idle.
    received : Out(line_bytes())
    """

    def __init__(self, cycles_a_bit: int) -> None:
        _check(cycles_a_bit)
        self.cycles_a_bit = cycles_a_bit
        super().__init__({"rx": In(1), "received": Out(line_bytes())})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        line = Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.rx, line, init=1)
        timer = Signal(range(self.cycles_a_bit))
        due = Signal()
        bits = Signal(_DATA_BITS, reset_less=True)
        bits_left = Signal(range(_DATA_BITS + 1), reset_less=True)
        received = self.received
        m.d.comb += due.eq(timer == 0)
        m.d.sync += [timer.eq(Mux(due, self.cycles_a_bit - 1, timer - 1)), received.valid.eq(0)]
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [timer.eq(self.cycles_a_bit // 2 - 1), bits_left.eq(_DATA_BITS)]
                with m.If(~line):
                    m.next = "START"
            with m.State("START"), m.If(due):
                m.next = "DATA"
                with m.If(line):
                    m.next = "IDLE"
            with m.State("DATA"), m.If(due):
                m.d.sync += [bits.eq(Cat(bits[1:], line)), bits_left.eq(bits_left - 1)]
                with m.If(bits_left == 1):
                    m.next = "STOP"
            with m.State("STOP"), m.If(due):
                m.d.sync += [
                    received.valid.eq(1),
                    received.payload.data.eq(bits),
                    received.payload.broken.eq(~line),
                ]
                m.next = "IDLE"
                with m.If(~line):
                    m.next = "BREAK"
            with m.State("BREAK"), m.If(line):
                m.next = "IDLE"
        return m


class UartTransmitter(wiring.Component):
    """Bytes onto a wire, 10 bits and one cycle a byte; the twin is `sim.golden.link.uart.levels`.

    Parameters
    ----------
    cycles_a_bit : int
        Clock cycles of one bit, between `MIN_CYCLES_A_BIT` and `MAX_CYCLES_A_BIT`.

    Members
    -------
    bytes : In(stream.Signature(8))
    tx : Out(1)
        From a register; high when idle.
    """

    def __init__(self, cycles_a_bit: int) -> None:
        _check(cycles_a_bit)
        self.cycles_a_bit = cycles_a_bit
        super().__init__({"bytes": In(stream.Signature(unsigned(8))), "tx": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        frame_bits = 1 + _DATA_BITS + 1
        bits = Signal(frame_bits, init=-1)
        bits_left = Signal(range(frame_bits + 1))
        timer = Signal(range(self.cycles_a_bit))
        idle = Signal(init=1)
        due = Signal()
        m.d.comb += [due.eq(timer == 0), self.tx.eq(bits[0]), self.bytes.ready.eq(idle)]
        m.d.sync += timer.eq(Mux(due | idle, self.cycles_a_bit - 1, timer - 1))
        with m.If(idle & self.bytes.valid):
            m.d.sync += [
                bits.eq(Cat(Const(0, 1), self.bytes.payload, Const(1, 1))),
                bits_left.eq(frame_bits),
                idle.eq(0),
            ]
        with m.If(~idle & due):
            m.d.sync += [bits.eq(Cat(bits[1:], Const(1, 1))), bits_left.eq(bits_left - 1), idle.eq(bits_left == 1)]
        return m


class UartLink(wiring.Component):
    """The endpoint's medium: two pins on one side, packets on the other.

    10 bits a byte each way. A packet that comes in while `packets_in` waits for longer than a byte takes is lost, as
    on every network. `packets_out` moves on at the rate of the line.

    Parameters
    ----------
    cycles_a_bit : int
        Clock cycles of one bit, between `MIN_CYCLES_A_BIT` and `MAX_CYCLES_A_BIT`: clock / baud.

    Members
    -------
    rx : In(1), tx : Out(1)
        The pins, high when idle.
    packets_in : Out(packet_bytes())
        From the line.
    packets_out : In(packet_bytes())
        To the line.
    """

    def __init__(self, cycles_a_bit: int) -> None:
        _check(cycles_a_bit)
        self.cycles_a_bit = cycles_a_bit
        super().__init__({
            "rx": In(1),
            "tx": Out(1),
            "packets_in": Out(packet_bytes()),
            "packets_out": In(packet_bytes()),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.receiver = receiver = UartReceiver(self.cycles_a_bit)
        m.submodules.decoder = decoder = CobsDecoder()
        m.submodules.encoder = encoder = CobsEncoder()
        m.submodules.transmitter = transmitter = UartTransmitter(self.cycles_a_bit)
        wiring.connect(m, receiver.received, decoder.received)
        wiring.connect(m, decoder.packets, wiring.flipped(self.packets_in))
        wiring.connect(m, wiring.flipped(self.packets_out), encoder.packets)
        wiring.connect(m, encoder.encoded, transmitter.bytes)
        m.d.comb += [receiver.rx.eq(self.rx), self.tx.eq(transmitter.tx)]
        return m


def _check(cycles_a_bit: int) -> None:
    if not isinstance(cycles_a_bit, int):
        raise TypeError(f"cycles_a_bit must be an integer, not {cycles_a_bit!r}")
    if not MIN_CYCLES_A_BIT <= cycles_a_bit <= MAX_CYCLES_A_BIT:
        limits = f"between {MIN_CYCLES_A_BIT} and {MAX_CYCLES_A_BIT}"
        raise ValueError(f"cycles_a_bit must be {limits} (clock / baud), not {cycles_a_bit!r}")
