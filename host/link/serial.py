"""Packets on a serial port: COBS frames, each ended by a zero byte (docs/network.md)."""

import errno
import math
import os
import select
import time
from collections import deque
from collections.abc import Sequence

import serial
from cobs import cobs
from serial.tools import list_ports

from deep3.hdl.contract.protocol import ACK_INTERVAL, MAX_PACKET_BYTES, UART_BAUD

from .errors import LinkError
from .transport import Buffer

__all__ = ["MAX_BAUD", "MIN_BAUD", "SerialTransport"]

MIN_BAUD = 115_200
"""Slower, a session loses its patience before the packets of one ACK have gone out."""

MAX_BAUD = 4_000_000
"""The fastest that Linux names (termios(3))."""

BITS_A_BYTE = 10
MAX_FRAME_BYTES = MAX_PACKET_BYTES + MAX_PACKET_BYTES // 254 + 1

LINE_PACKETS = ACK_INTERVAL + 4
"""Packets that pass between one and the ACK that covers it: those that one ACK waits for, two in the port, and as much
again for the ACK itself and what USB adapters add."""

STALL_S = 5.0
"""Longest time for which a port may take no byte."""

CHUNK_BYTES = 4096


class SerialTransport:
    """The serial port of one board, for this process alone.

    Packets go out no faster than the line takes them, at most one ahead, so that what the session knows of times holds.

    Parameters
    ----------
    port
        Its device, such as ``/dev/ttyUSB0``.
    baud
        Bits a second, between `MIN_BAUD` and `MAX_BAUD`.

    Raises
    ------
    LinkError
        When there is no such port, it may not be used, or another program has it.
    """

    def __init__(self, port: str, baud: int = UART_BAUD) -> None:
        self._name = port
        self._byte_s = BITS_A_BYTE / baud
        self._port = _open(port, baud)
        self._poll = select.poll()
        self._poll.register(self._port, select.POLLIN)
        self._packets: deque[bytes] = deque()
        self._rest = b""
        self._line_free_s = 0.0
        # Whatever was sent before, by whomever, ends here.
        self._write(b"\0")

    @property
    def name(self) -> str:
        """The device."""
        return self._name

    @property
    def line_s(self) -> float:
        """`LINE_PACKETS` of the longest packets."""
        return LINE_PACKETS * MAX_FRAME_BYTES * self._byte_s

    def send(self, parts: Sequence[Buffer]) -> None:
        """Send one packet once the line has got through all but the last one."""
        ahead_s = MAX_FRAME_BYTES * self._byte_s
        while (wait_s := self._line_free_s - ahead_s - time.monotonic()) > 0:
            self._take_in(wait_s)
        self._write(bytes(cobs.encode(b"".join(parts))) + b"\0")

    def send_all(self, packets: Sequence[Sequence[Buffer]]) -> None:
        """Send packets one by one."""
        for parts in packets:
            self.send(parts)

    def receive(self, timeout_s: float) -> memoryview | None:
        """The next packet within ``timeout_s``, or None."""
        until_s = time.monotonic() + timeout_s
        while not self._packets:
            if not self._take_in(max(until_s - time.monotonic(), 0.0)):
                return None
        return memoryview(self._packets.popleft())

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def _write(self, frame: bytes) -> None:
        left = memoryview(frame)
        stalled_s = time.monotonic()
        while left:
            # Bytes that come in are taken all the while: the port's memory holds less than what an ACK may follow.
            self._poll.modify(self._port, select.POLLIN | select.POLLOUT)
            events = self._wait(STALL_S)
            self._poll.modify(self._port, select.POLLIN)
            if events & ~select.POLLOUT:
                self._read()
            if events & select.POLLOUT:
                written = self._try_to_write(left)
                left = left[written:]
                stalled_s = time.monotonic() if written else stalled_s
            if time.monotonic() - stalled_s >= STALL_S:
                raise LinkError(f"serial port {self._name} takes no bytes: waited {STALL_S:g} s")
        now_s = time.monotonic()
        self._line_free_s = max(self._line_free_s, now_s) + len(frame) * self._byte_s

    def _try_to_write(self, data: memoryview) -> int:
        try:
            return os.write(self._port.fileno(), data)
        except BlockingIOError:
            return 0
        except OSError:
            raise self._gone() from None

    def _take_in(self, timeout_s: float) -> bool:
        """Whether bytes came within the time."""
        return bool(self._wait(timeout_s)) and self._read()

    def _wait(self, timeout_s: float) -> int:
        events = self._poll.poll(math.ceil(timeout_s * 1000))
        return events[0][1] if events else 0

    def _read(self) -> bool:
        try:
            chunk = self._port.read(CHUNK_BYTES)
        except (OSError, serial.SerialException):
            raise self._gone() from None
        *ended, rest = (self._rest + chunk).split(b"\0")
        # A byte too many stands for all that follow: such a frame is too long however it goes on.
        self._rest = rest[: MAX_FRAME_BYTES + 1]
        for frame in ended:
            if 0 < len(frame) <= MAX_FRAME_BYTES:
                self._decode(frame)
        return bool(chunk)

    def _decode(self, frame: bytes) -> None:
        try:
            self._packets.append(bytes(cobs.decode(frame)))
        except cobs.DecodeError:
            # As good as a lost packet.
            return

    def _gone(self) -> LinkError:
        return LinkError(f"serial port {self._name} is gone: was the board unplugged or switched off?")


def _open(port: str, baud: int) -> serial.Serial:
    try:
        # exclusive is a lock that other programs see too; timeout 0: waiting is done by poll().
        return serial.Serial(port, baud, timeout=0, exclusive=True)
    except (serial.SerialException, OSError, ValueError) as error:
        raise LinkError(f"cannot use serial port {port}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    code = getattr(error, "errno", None)
    if code == errno.ENOENT:
        found = ", ".join(sorted(info.device for info in list_ports.comports())) or "none"
        return f"there is no such port; ports found: {found}"
    if code == errno.EACCES:
        return "it is not yours to use; on Debian: sudo adduser $USER dialout, then log in again"
    if code in (errno.EBUSY, errno.EAGAIN):
        return "another program is using it"
    return "it is no serial port" if "configure" in str(error) else str(error)
