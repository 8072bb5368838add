"""Datagrams leave as they were given, one by one or cut by the kernel."""

import errno
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from deep3.host.link.errors import LinkError
from deep3.host.link.transport import BATCH_PACKETS
from deep3.host.link.udp import UdpTransport

PACKETS = [[bytes([number]) * 16, bytes([number]) * 1452, b"crc."] for number in range(BATCH_PACKETS - 1)]
SHORTER = [b"h" * 16, b"pp", b"crc."]


@pytest.fixture
def board() -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as bound:
        bound.bind(("127.0.0.1", 0))
        bound.settimeout(5)
        yield bound


@pytest.mark.parametrize("packets", [PACKETS, [*PACKETS, SHORTER], PACKETS[:1]], ids=["equal", "shorter last", "one"])
def test_a_batch_arrives_as_single_datagrams_in_order(board: socket.socket, packets: list[list[bytes]]) -> None:
    with closing(UdpTransport(*board.getsockname())) as transport:
        transport.send_all(packets)
        assert [board.recv(2048) for _ in packets] == [b"".join(parts) for parts in packets]


class Refusing:
    """A socket of a kernel that cuts nothing into datagrams."""

    def __init__(self, inner: socket.socket, error: int) -> None:
        self.inner, self.error, self.refused = inner, error, 0

    def sendmsg(self, parts: object, ancillary: object = ()) -> int:
        if ancillary:
            self.refused += 1
            raise OSError(self.error, "as asked")
        return self.inner.sendmsg(parts)  # type: ignore[arg-type]

    def close(self) -> None:
        self.inner.close()


def test_a_kernel_that_cannot_cut_is_asked_once(board: socket.socket) -> None:
    with closing(UdpTransport(*board.getsockname())) as transport:
        transport._socket = refusing = Refusing(transport._socket, errno.EIO)  # type: ignore[assignment]
        for _ in range(2):
            transport.send_all(PACKETS)
            assert [board.recv(2048) for _ in PACKETS] == [b"".join(parts) for parts in PACKETS]
    assert refusing.refused == 1


def test_an_interface_that_is_down_is_one_line(board: socket.socket) -> None:
    with closing(UdpTransport(*board.getsockname())) as transport:
        transport._socket = Refusing(transport._socket, errno.ENETUNREACH)  # type: ignore[assignment]
        port = board.getsockname()[1]
        with pytest.raises(LinkError, match=rf"^cannot send to 127\.0\.0\.1:{port}: as asked$"):
            transport.send_all(PACKETS)
