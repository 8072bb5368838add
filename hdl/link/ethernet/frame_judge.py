"""Which frames a board acts upon: headers, lengths and checksums, while the bytes pass by."""

from amaranth import Array, Cat, Const, Module, Mux, Signal
from amaranth.hdl import ValueLike
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from deep3.hdl.contract.station import ETHERNET_HEADER_BYTES, FCS_BYTES, IPV4_HEADER_BYTES, PROTOCOL_UDP, Station

from .crossing import frame_byte_layout
from .mac_receive import judged_byte_layout
from .patterns import HEADER_BYTES, Pattern, header_patterns

__all__ = ["FrameJudge"]

_IP = ETHERNET_HEADER_BYTES
_TRANSPORT = _IP + IPV4_HEADER_BYTES
_ALL_ONES = 0xFFFF
_POSITION_BITS = HEADER_BYTES.bit_length()


class FrameJudge(wiring.Component):
    """Compares headers with those of ARP, ICMP echo and UDP to the board, sums what their checksums cover, and cuts
    the frame to the length its header tells.

    Taken are: ARP requests for the own address; echo requests to it; UDP datagrams to the own port and either own MAC
    and IP address or broadcast of both. IPv4 and ICMP checksums must be right, that of UDP where it is not 0, and the
    length of UDP that of the IP packet without its header. Anything else is no concern of the board's.

    Members
    -------
    bytes : In(stream.Signature(judged_byte_layout(), always_ready=True))
    frame : Out(stream.Signature(frame_byte_layout(), always_ready=True))
        Bytes to keep for now: header, and data as long as the header tells.
    commit, discard : Out(1)
        One of them is high for one cycle for each ``end``, 3 cycles after it: the bytes since the one before are a
        frame to act upon, or nothing.
    """

    def __init__(self, station: Station) -> None:
        self.station = station
        super().__init__({
            "bytes": In(stream.Signature(judged_byte_layout(), always_ready=True)),
            "frame": Out(stream.Signature(frame_byte_layout(), always_ready=True)),
            "commit": Out(1),
            "discard": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        source = self.bytes.payload
        patterns = header_patterns(self.station)
        # Stage 1: the byte beside what it should be.
        position = Signal(_POSITION_BITS)
        is_byte = self.bytes.valid & ~source.end
        end_1 = Signal()
        good = Signal(reset_less=True)
        m.d.sync += end_1.eq(self.bytes.valid & source.end)
        with m.If(self.bytes.valid):
            m.d.sync += good.eq(source.good)
            with m.If(source.end):
                m.d.sync += position.eq(0)
            with m.Elif(position != HEADER_BYTES):
                m.d.sync += position.eq(position + 1)
        self._byte = byte = Signal(8, reset_less=True)
        self._place = place = Signal(_POSITION_BITS, reset_less=True)
        self._valid = valid = Signal()
        self._end = end_1
        m.d.sync += [byte.eq(source.data), place.eq(position), valid.eq(is_byte)]
        matches = {name: self._match(m, name, pattern, position) for name, pattern in patterns.items()}

        whole = self._cut(m, matches["arp"])
        ip_sum, transport_sum, length_told = self._checksums(m, matches["udp"])

        # These settle before the end, which clears the sums a cycle before they are looked at together.
        to_own, to_all, arp, icmp, udp = (Signal(name=name) for name in ("to_own", "to_all", "arp", "icmp", "udp"))
        summed, summed_icmp, summed_udp = (Signal(name=name) for name in ("summed", "summed_icmp", "summed_udp"))
        end_2 = Signal()
        wanted = Signal()
        m.d.sync += [
            end_2.eq(end_1),
            to_own.eq(matches["to_own_mac"] & matches["to_own_ip"]),
            to_all.eq(matches["to_all_macs"] & matches["to_all_ips"]),
            arp.eq(matches["arp"] & (matches["to_own_mac"] | matches["to_all_macs"])),
            icmp.eq(matches["icmp"]),
            udp.eq(matches["udp"] & length_told),
            summed.eq(ip_sum == _ALL_ONES),
            summed_icmp.eq(transport_sum == _ALL_ONES),
            # The pseudo header has the protocol in it, which was not added.
            summed_udp.eq((transport_sum == _ALL_ONES - PROTOCOL_UDP) | self._unsummed),
            self.commit.eq(end_2 & good & whole & wanted),
            self.discard.eq(end_2 & ~(good & whole & wanted)),
        ]
        m.d.comb += wanted.eq(
            arp | (summed & ((icmp & summed_icmp & to_own) | (udp & summed_udp & (to_own | to_all))))
        )
        return m

    def _match(self, m: Module, name: str, pattern: Pattern, position: Signal) -> Signal:
        """Whether the bytes so far are those of ``pattern``, two cycles after the byte."""
        wanted, mask = Signal(8, name=f"{name}_value"), Signal(8, name=f"{name}_mask")
        matches = Signal(name=f"{name}_matches")
        beginning = Signal(name=f"{name}_begins")
        value_at = Array(Const(pattern.bytes.get(index, (0, 0))[0], 8) for index in range(1 << _POSITION_BITS))
        mask_at = Array(Const(pattern.bytes.get(index, (0, 0))[1], 8) for index in range(1 << _POSITION_BITS))
        m.d.sync += [wanted.eq(value_at[position]), mask.eq(mask_at[position]), beginning.eq(position == 0)]
        with m.If(self._valid):
            m.d.sync += matches.eq((matches | beginning) & ~((self._byte ^ wanted) & mask).any())
        return matches

    def _cut(self, m: Module, arp: Signal) -> Signal:
        """Keeps what the header announces; whether that much was there, and an FCS behind it."""
        byte, place, valid = self._byte, self._place, self._valid
        previous = Signal(8, reset_less=True)
        self._word = word = Signal(16)
        left = Signal(16, reset_less=True)
        counting = Signal()
        stored = Signal()
        headed = Signal()
        behind = Signal(range(FCS_BYTES + 1))
        # Found a byte ahead; a packet of 5 bytes has no byte ahead, is too short anyway and never ends for that.
        self._last = last = Signal()
        self._open = ~stored
        # Bytes 16 and 17 are the length of an IPv4 packet, of which 4 bytes have passed then; ARP has always 28.
        length_place = _IP + 3
        m.d.comb += word.eq(Cat(byte, previous))
        m.d.sync += [
            self.frame.valid.eq(valid & ~stored),
            self.frame.payload.data.eq(byte),
            self.frame.payload.last.eq(last),
        ]
        with m.If(valid):
            m.d.sync += [previous.eq(byte), left.eq(left - 1), last.eq(counting & (left == 2))]
            with m.If(place == length_place):
                m.d.sync += [left.eq(Mux(arp, HEADER_BYTES - length_place - 1, word - 4)), counting.eq(1)]
            with m.If(last & ~stored):
                m.d.sync += [stored.eq(1), headed.eq(place >= HEADER_BYTES - 1)]
            with m.If(stored & (behind != FCS_BYTES)):
                m.d.sync += behind.eq(behind + 1)
        whole = Signal()
        m.d.sync += whole.eq(stored & headed & (behind == FCS_BYTES))
        with m.If(self._end):
            m.d.sync += [counting.eq(0), last.eq(0), stored.eq(0), behind.eq(0)]
        return whole

    def _checksums(self, m: Module, udp: Signal) -> tuple[Signal, Signal, Signal]:
        """Ones' complement sums (RFC 1071) of the IPv4 header, and of ICMP or of UDP with the addresses and twice its
        length; whether that length is the packet's."""
        byte, place, word = self._byte, self._place, self._word
        odd = Signal()
        with m.If(self._end):
            m.d.sync += odd.eq(0)
        with m.Elif(self._valid):
            m.d.sync += odd.eq(~odd)
        step = self._valid & self._open & (odd | self._last)
        padded = Signal(16)
        m.d.comb += padded.eq(Mux(odd, word, byte << 8))

        in_header = (place >= _IP) & (place < _TRANSPORT)
        in_addresses = (place >= _TRANSPORT - 8) & (place < _TRANSPORT)
        in_transport = place >= _TRANSPORT
        doubled = udp & (place == _TRANSPORT + 5)
        ip_word, transport_word = Signal(16), Signal(16)
        m.d.sync += [
            ip_word.eq(Mux(step & in_header, padded, 0)),
            # To add a word twice is to add it rotated: 2^16 is 1 in ones' complement.
            transport_word.eq(
                Mux(step & (in_transport | (in_addresses & udp)), Mux(doubled, padded.rotate_left(1), padded), 0)
            ),
        ]
        ip_sum = _ones_complement(m, ip_word, self._end, "ip_sum")
        transport_sum = _ones_complement(m, transport_word, self._end, "transport_sum")

        transport_bytes = Signal(16, reset_less=True)
        length_told = Signal(reset_less=True)
        self._unsummed = unsummed = Signal(reset_less=True)
        with m.If(self._valid & (place == _IP + 3)):
            m.d.sync += transport_bytes.eq(word - IPV4_HEADER_BYTES)
        with m.If(self._valid & (place == _TRANSPORT + 5)):
            m.d.sync += length_told.eq(word == transport_bytes)
        with m.If(self._valid & (place == _TRANSPORT + 7)):
            m.d.sync += unsummed.eq(~word.any())
        return ip_sum, transport_sum, length_told


def _ones_complement(m: Module, word: Signal, clear: ValueLike, name: str) -> Signal:
    """Sum of the words of all cycles since ``clear``; carries come round a cycle late, so it settles in two more."""
    total = Signal(17, name=name)
    with m.If(clear):
        m.d.sync += total.eq(0)
    with m.Else():
        m.d.sync += total.eq(total[:16] + word + total[16])
    settled = Signal(16, name=f"{name}_word")
    m.d.comb += settled.eq(total)
    return settled
