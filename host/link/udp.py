"""Packets as UDP datagrams, on a blocking socket without a copy of the payload."""

import errno
import math
import select
import socket
import struct
import sys
from collections.abc import Sequence
from itertools import chain

from deep3.hdl.contract.address import format_endpoint
from deep3.hdl.contract.protocol import MAX_PACKET_BYTES

from .errors import LinkError
from .transport import Buffer

__all__ = ["UdpTransport"]

SOCKET_BUFFER_BYTES = 1 << 20
"""Asked of the kernel; room for a window of packets in both directions."""

UDP_SEGMENT = 103
"""Ancillary data of Linux (udp(7), since 4.18): the kernel cuts what is sent into datagrams of this size. It makes most
of the way through the kernel once for all of them; Python's socket module does not name it."""

NO_SEGMENTATION = (errno.EIO, errno.EINVAL, errno.ENOPROTOOPT)
"""What kernels without it, or with an interface that cannot, say."""


class UdpTransport:
    """UDP to one board.

    Parameters
    ----------
    host, port
        Where the board listens.

    Raises
    ------
    LinkError
        When the name does not resolve or no socket can be had.
    """

    def __init__(self, host: str, port: int) -> None:
        self._name = format_endpoint(host, port)
        self._buffer = bytearray(MAX_PACKET_BYTES + 1)
        self._view = memoryview(self._buffer)
        self._socket = self._connect(host, port)
        self._segmentation = sys.platform == "linux"
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    @property
    def name(self) -> str:
        """``HOST:PORT``."""
        return self._name

    @property
    def line_s(self) -> float:
        """A network is fast: 0."""
        return 0.0

    def send(self, parts: Sequence[Buffer]) -> None:
        """Send one datagram."""
        try:
            self._socket.sendmsg(parts)
        except ConnectionRefusedError:
            # The report of an earlier datagram that found no listener: as good as a lost packet.
            return
        except OSError as error:
            raise LinkError(f"cannot send to {self._name}: {error.strerror or error}") from None

    def send_all(self, packets: Sequence[Sequence[Buffer]]) -> None:
        """Send datagrams, with one system call where the kernel can cut them itself and one for each elsewhere."""
        if len(packets) > 1 and self._segmentation:
            size_bytes = sum(map(len, packets[0]))
            cut = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", size_bytes))]
            try:
                self._socket.sendmsg(list(chain.from_iterable(packets)), cut)
                return
            except ConnectionRefusedError:
                return
            except OSError as error:
                if error.errno not in NO_SEGMENTATION:
                    raise LinkError(f"cannot send to {self._name}: {error.strerror or error}") from None
                self._segmentation = False
        for parts in packets:
            self.send(parts)

    def receive(self, timeout_s: float) -> memoryview | None:
        """The next datagram within ``timeout_s``, or None."""
        if timeout_s > 0 and not self._poll.poll(math.ceil(timeout_s * 1000)):
            return None
        try:
            length = self._socket.recv_into(self._buffer, 0, socket.MSG_DONTWAIT)
        except (BlockingIOError, ConnectionRefusedError):
            return None
        except OSError as error:
            raise LinkError(f"cannot receive from {self._name}: {error.strerror or error}") from None
        return self._view[:length]

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _connect(self, host: str, port: int) -> socket.socket:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            family, kind, protocol, _, address = found[0]
            connection = socket.socket(family, kind, protocol)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                connection.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER_BYTES)
            connection.connect(address)
        except OSError as error:
            raise LinkError(f"cannot reach {self._name}: {error.strerror or error}") from None
        return connection
