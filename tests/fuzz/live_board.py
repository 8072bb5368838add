"""A virtual board in its own process, shot at through its socket, and used in between."""

import os
import random
import socket
import time

import numpy as np
from small_network import CONFIG

from deep3.hdl.contract.program import Space
from deep3.host.board.virtual import VirtualBoard

from .mutate import damage_packet
from .scenarios import BOARD_PACKETS, HOST_PACKETS

__all__ = ["shoot"]

BURST = 200
MAX_DATAGRAM_BYTES = 65_000


def shoot(virtual: VirtualBoard, seed: int, seconds: float) -> int:
    """Bursts of rubbish for a time, each followed by a session that must work; returns the datagrams sent."""
    rng = random.Random(seed)
    words = np.frombuffer(rng.randbytes(8000), np.uint16)
    sent = 0
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for _ in range(BURST):
                packet = damage_packet(rng, HOST_PACKETS + BOARD_PACKETS)
                stranger.sendto(packet[:MAX_DATAGRAM_BYTES], virtual.address)
        sent += BURST
        with virtual.connect() as board:
            board.port.write(Space.WEIGHT, 7, words)
            found = board.port.read(Space.WEIGHT, 7, len(words))
        assert (found == words).all(), f"words changed (seed {seed})"
        os.kill(virtual.process_id, 0)
    return sent


def make_board() -> VirtualBoard:
    """The board that is shot at."""
    return VirtualBoard(CONFIG, patience_s=20.0)
