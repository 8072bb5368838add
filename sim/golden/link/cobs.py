"""COBS frames as bytes: twin of `hdl.link.cobs`, on the ``cobs`` library."""

from cobs import cobs

from deep3.hdl.contract.protocol import MAX_PACKET_BYTES

__all__ = ["Decoder", "encode"]


def encode(packet: bytes) -> bytes:
    """The frame of a packet, with the zero that ends it."""
    return bytes(cobs.encode(packet)) + b"\0"


class Decoder:
    """What a line brings, byte by byte, to packets.

    Parameters
    ----------
    max_packet_bytes
        Longer packets are given up.
    """

    def __init__(self, max_packet_bytes: int = MAX_PACKET_BYTES) -> None:
        self._max_packet_bytes = max_packet_bytes
        self._frame = bytearray()
        # What comes before the first zero may be half a frame.
        self._given_up = True

    def receive(self, byte: int, broken: bool = False) -> bytes | None:
        """Take one byte; the packet that it ends, or None."""
        if broken or byte:
            self._given_up |= broken
            self._frame.append(byte)
            return None
        packet = b"" if self._given_up else self._packet()
        self._frame.clear()
        self._given_up = False
        return packet or None

    def _packet(self) -> bytes:
        try:
            packet = bytes(cobs.decode(self._frame))
        except cobs.DecodeError:
            return b""
        return packet if len(packet) <= self._max_packet_bytes else b""
