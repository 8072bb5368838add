"""A board's RTL at the end of a network interface of this kernel (a TAP device)."""

import fcntl
import os
import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from deep3.sim.board.ethernet import EthernetBoard

__all__ = ["make_interface", "serve_interface"]

TUN_DEVICE = "/dev/net/tun"
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
SIOCSIFADDR, SIOCSIFNETMASK, SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8916, 0x891C, 0x8913, 0x8914
SIOCSIFBRDADDR = 0x891A
IFF_UP = 0x1
"""Requests and flags of netdevice(7) and of the kernel's tuntap.txt."""

CHUNK_CYCLES = 20_000
LONGEST_SLEEP_MS = 50
MAX_FRAME_BYTES = 2048


def make_interface(name: str, address: str, mask: str, broadcast: str) -> int:
    """A TAP device with an IPv4 address, up; returns its descriptor, with whose close it goes away.

    Raises
    ------
    OSError
        Where this process may not.
    """
    tap = os.open(TUN_DEVICE, os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            for request, value in ((SIOCSIFADDR, address), (SIOCSIFNETMASK, mask), (SIOCSIFBRDADDR, broadcast)):
                place = struct.pack("16sHH4s16x", name.encode(), socket.AF_INET, 0, socket.inet_aton(value))
                fcntl.ioctl(control, request, place)
            answer = fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack("40s", name.encode()))
            (flags,) = struct.unpack_from("h", answer, 16)
            fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh22x", name.encode(), flags | IFF_UP))
    except OSError:
        os.close(tap)
        raise
    return tap


@contextmanager
def serve_interface(board: EthernetBoard, tap: int) -> Iterator[None]:
    """Carry frames between interface and board, in a thread."""
    stopped = threading.Event()
    thread = threading.Thread(target=_serve, args=(board, tap, stopped), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _serve(board: EthernetBoard, tap: int, stopped: threading.Event) -> None:
    poll = select.poll()
    poll.register(tap, select.POLLIN)
    while not stopped.is_set():
        if poll.poll(LONGEST_SLEEP_MS if board.idle else 0):
            board.send(os.read(tap, MAX_FRAME_BYTES))
        if not board.idle:
            board.run(CHUNK_CYCLES)
        for frame, _, _ in board.receive():
            os.write(tap, frame)
