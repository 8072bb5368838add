"""Packets and frames, sound and spoilt, for the benches of COBS and UART; a monitor of packets that may break off."""

import random
from typing import Any

from deep3.hdl.contract.geometry import COBS_BLOCK_BYTES
from deep3.sim.golden.link.cobs import encode
from deep3.sim.golden.link.uart import LineByte

__all__ = ["PacketMonitor", "random_packet", "sound", "spoilt_frame"]


def random_packet(rng: random.Random, max_bytes: int) -> bytes:
    """1 to ``max_bytes`` bytes; with runs without a zero around the longest block, with few zeros, or with many."""
    how = rng.randrange(4)
    if how == 0:
        pieces = [rng.choice((b"", b"\0", b"\0\0")) for _ in range(4)]
        runs = [bytes(rng.choices(range(1, 256), k=COBS_BLOCK_BYTES + rng.randint(-2, 2))) for _ in range(3)]
        packet = b"".join(piece + run for piece, run in zip(pieces, runs, strict=False)) + pieces[-1]
        return packet[-max_bytes:]
    size = min(max_bytes, rng.choice((1, 2, rng.randint(1, 40), rng.randint(1, max_bytes), max_bytes)))
    if how == 1:
        return bytes(rng.choices((0, 1, 255), k=size))
    return rng.randbytes(size)


def sound(frame: bytes) -> list[LineByte]:
    """Bytes as an undisturbed line brings them."""
    return [LineByte(byte, False) for byte in frame]


def spoilt_frame(rng: random.Random, max_bytes: int) -> list[LineByte]:
    """What may come instead of a frame: one with errors, too long a one, half a one, or noise."""
    frame = sound(encode(random_packet(rng, max_bytes)))
    place = rng.randrange(len(frame))
    how = rng.randrange(8)
    if how == 0:
        del frame[place]
    elif how == 1:
        frame[place] = LineByte(frame[place].data ^ 1 << rng.randrange(8), False)
    elif how == 2:
        frame[place] = LineByte(rng.randrange(256), True)
    elif how == 3:
        frame.insert(place, LineByte(rng.randrange(256), rng.random() < 0.2))
    elif how == 4:
        del frame[place:]
    elif how == 5:
        frame = sound(encode(rng.randbytes(max_bytes + rng.randint(1, 20))))
    elif how == 6:
        frame = sound(encode(bytes(rng.choices(range(1, 256), k=max_bytes + rng.randint(1, 3)))))
    else:
        frame = [LineByte(rng.choice((0, 1, 2, 255, rng.randrange(256))), rng.random() < 0.02) for _ in range(20)]
    return frame


class PacketMonitor:
    """Collects packets from a ``packet_bytes`` port.

    A packet without an end is left out when the next one begins. Checked: a stalled byte holds still, and every byte
    belongs to a packet.

    Parameters
    ----------
    dut, port
        Name of the port without its two underscores.
    stall
        Probability of a cycle without ``ready``.
    """

    def __init__(self, dut: Any, port: str, rng: random.Random, stall: float = 0.0) -> None:
        self.packets: list[bytes] = []
        self.cut_short = 0
        self.stall = stall
        self._valid = getattr(dut, f"{port}__valid")
        self._payload = getattr(dut, f"{port}__payload")
        self._ready = getattr(dut, f"{port}__ready")
        self._rng = rng
        self._held: int | None = None
        self._taking = False
        self._packet: bytearray | None = None

    def drive(self) -> None:
        """First half of a cycle."""
        self._taking = self._rng.random() >= self.stall
        self._ready.value = int(self._taking)

    def sample(self) -> None:
        """Second half of a cycle."""
        if not self._valid.value:
            assert self._held is None, "a byte was withdrawn before it was taken"
            return
        symbol = int(self._payload.value)
        assert self._held in (None, symbol), "a stalled byte changed"
        self._held = None if self._taking else symbol
        if not self._taking:
            return
        if symbol & 1 << 8:
            self.cut_short += self._packet is not None
            self._packet = bytearray()
        assert self._packet is not None, "a byte outside a packet"
        self._packet.append(symbol & 0xFF)
        if symbol & 1 << 9:
            self.packets.append(bytes(self._packet))
            self._packet = None
