"""A board behind a pseudo terminal, for tests of the serial port: bytes in, bytes out, some of them lost or spoilt."""

import os
import pty
import random
import select
import threading
import time
import tty
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from deep3.hdl.contract.config import EngineConfig
from deep3.sim.board.golden import GoldenDevice
from deep3.sim.board.server import Device
from deep3.sim.golden.link.cobs import Decoder, encode

__all__ = ["GoldenSerialDevice", "SerialBoard", "serial_board"]

CHUNK_BYTES = 64
CHUNK_CYCLES = 20_000


class GoldenSerialDevice(GoldenDevice):
    """The golden board behind golden COBS."""

    def __init__(self, config: EngineConfig) -> None:
        super().__init__(config)
        self._decoder = Decoder()

    def push(self, packet: bytes) -> None:
        """Bytes of frames."""
        for byte in packet:
            whole = self._decoder.receive(byte)
            if whole is not None:
                super().push(whole)

    def pop(self) -> bytes | None:
        """A frame."""
        packet = super().pop()
        return None if packet is None else encode(packet)


class SerialBoard:
    """Carries bytes between a pseudo terminal and a device whose packets are runs of bytes.

    ``loss`` and ``corruption`` are probabilities of a byte.
    """

    def __init__(
        self, device: Device, loss: float = 0.0, corruption: float = 0.0, seed: int = 0, baud: int | None = None
    ) -> None:
        self.device = device
        self.counts: Counter[str] = Counter()
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._loss, self._corruption = loss, corruption
        self._random = random.Random(seed)
        self._byte_s = 10 / baud if baud else 0.0
        self._stopped = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """The port vanishes, as when a USB adapter is pulled out."""
        self._stopped = True
        self._thread.join()
        for descriptor in (self._slave, self._master):
            if descriptor >= 0:
                os.close(descriptor)
        self._slave = self._master = -1

    def _serve(self) -> None:
        while not self._stopped:
            # As on a line, bytes wait at the sender while the board still takes in earlier ones.
            wait_s = 0.01 if self.device.idle else 0.0
            if self.device.queued == 0 and select.select([self._master], [], [], wait_s)[0]:
                chunk = os.read(self._master, CHUNK_BYTES)
                self.counts["in"] += len(chunk)
                time.sleep(self._byte_s * len(chunk))
                self.device.push(self._impaired(chunk))
            if not self.device.idle:
                self.device.run(CHUNK_CYCLES)
            while (piece := self.device.pop()) is not None:
                self.counts["out"] += len(piece)
                time.sleep(self._byte_s * len(piece))
                self._write(self._impaired(piece))

    def _write(self, data: bytes) -> None:
        while data and not self._stopped:
            if select.select([], [self._master], [], 0.1)[1]:
                data = data[os.write(self._master, data[:256]) :]

    def _impaired(self, data: bytes) -> bytes:
        if not self._loss and not self._corruption:
            return data
        kept = bytearray()
        for byte in data:
            if self._random.random() < self._loss:
                self.counts["lost"] += 1
                continue
            if self._random.random() < self._corruption:
                self.counts["spoilt"] += 1
                byte ^= 1 << self._random.randrange(8)
            kept.append(byte)
        return bytes(kept)


@contextmanager
def serial_board(
    device: Device, loss: float = 0.0, corruption: float = 0.0, seed: int = 0, baud: int | None = None
) -> Iterator[SerialBoard]:
    """A board that is unplugged at the end."""
    board = SerialBoard(device, loss, corruption, seed, baud)
    try:
        yield board
    finally:
        board.unplug()
