"""Micro-benchmarks of the basic operations of training, over sizes (Deep3, Section 4; DeLight, Section 3.1)."""

import socket
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

from deep3.cost_model.profile import OperationPoint

__all__ = ["Timer", "measure_link", "measure_operations"]

ROUNDS = 7
LEAST_SECONDS = 0.001
"""A round repeats an operation for so long."""
FLOAT_BYTES = 4
LINK_BYTES = 1 << 24
LINK_EXCHANGES = 200


@dataclass(frozen=True)
class Timer:
    """Times operations on ``device``: in every round each of them once, so that a busy moment of the machine hits one
    round and not one operation; of an operation the least counts. On a CPU it is the processor's time that counts: what
    other processes take away is not part of an operation."""

    device: torch.device

    def seconds(self, operations: list[Callable[[], object]], rounds: int = ROUNDS) -> list[float]:
        """The least time of one run of each."""
        repeats = [self._repeats(operation) for operation in operations]
        best = [float("inf")] * len(operations)
        for _ in range(rounds):
            for index, operation in enumerate(operations):
                best[index] = min(best[index], self._once(operation, repeats[index]))
        return best

    def _repeats(self, operation: Callable[[], object]) -> int:
        operation()
        once = min(self._once(operation, 1) for _ in range(3))
        return max(1, round(LEAST_SECONDS / once))

    def _once(self, operation: Callable[[], object], repeats: int) -> float:
        clock = time.perf_counter if self.device.type == "cuda" else time.process_time
        self._wait()
        started = clock()
        for _ in range(repeats):
            operation()
        self._wait()
        return (clock() - started) / repeats

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


_Case = tuple[str, tuple[int, ...], Callable[[], object], int, int]


def measure_operations(timer: Timer, seed: int) -> list[OperationPoint]:
    """Matrix products, convolutions, activations, propagation of errors and copies, each over a sweep of sizes."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator).to(timer.device)

    cases: list[_Case] = []
    for size in (8, 16, 32, 64, 128, 256, 512, 768):
        cases.append(_product(random(size, size), random(size, size)))
    for batch, inner, outer in ((32, 64, 16), (32, 256, 64), (32, 1024, 256), (128, 512, 128)):
        cases.append(_product(random(batch, inner), random(inner, outer)))
    for channels, side in ((1, 16), (4, 16), (8, 32), (16, 32)):
        cases.append(_convolution(random(8, channels, side, side), random(channels, channels, 3, 3)))
    for count in (1 << 8, 1 << 11, 1 << 14, 1 << 17, 1 << 20):
        cases += _elementwise(random(count), random(count))
    seconds = timer.seconds([operation for _, _, operation, _, _ in cases])
    return _classified([(*case[:2], time_s, *case[3:]) for case, time_s in zip(cases, seconds, strict=True)])


def _product(left: torch.Tensor, right: torch.Tensor) -> _Case:
    (rows, inner), columns = left.shape, right.shape[1]
    touched = FLOAT_BYTES * (left.numel() + right.numel() + rows * columns)
    return "product", (rows, inner, columns), lambda: left @ right, rows * inner * columns, touched


def _elementwise(x: torch.Tensor, other: torch.Tensor) -> list[_Case]:
    count = x.numel()
    touched = FLOAT_BYTES * count
    return [
        ("activation", (count,), lambda: torch.tanh(x), count, 2 * touched),
        ("error", (count,), lambda: other * (1 - x * x), count, 3 * touched),
        ("memory", (count,), lambda: other.copy_(x), 0, 2 * touched),
    ]


def _convolution(images: torch.Tensor, kernels: torch.Tensor) -> _Case:
    outputs = functional.conv2d(images, kernels).numel()
    macs = outputs * kernels[0].numel()
    touched = FLOAT_BYTES * (images.numel() + kernels.numel() + outputs)
    return "convolution", tuple(images.shape), lambda: functional.conv2d(images, kernels), macs, touched


def _classified(rows: list[tuple[str, tuple[int, ...], float, int, int]]) -> list[OperationPoint]:
    """With the region of each: near the least time of its operation it is overhead; else what it is nearer to, the
    best rate of multiply-adds or of bytes seen anywhere."""
    macs_rate = max(macs / seconds for _, _, seconds, macs, _ in rows)
    bytes_rate = max(touched / seconds for _, _, seconds, _, touched in rows)
    points = []
    for operation, size, seconds, macs, touched in rows:
        least = min(other for kind, _, other, _, _ in rows if kind == operation)
        region = "compute" if macs / macs_rate > touched / bytes_rate else "bandwidth"
        if seconds < 2 * least:
            region = "overhead"
        points.append(OperationPoint(operation, size, seconds, macs, touched, region))
    return points


def measure_link() -> tuple[float, float]:
    """(alpha_net in seconds, bytes a second) between two threads through a local socket."""
    near, far = socket.socketpair()

    def echo() -> None:
        while received := far.recv(1 << 16):
            far.sendall(received[:1])

    with near, far:
        thread = threading.Thread(target=echo, daemon=True)
        thread.start()
        times = []
        for _ in range(LINK_EXCHANGES):
            started = time.perf_counter()
            near.sendall(b"x")
            near.recv(1)
            times.append(time.perf_counter() - started)
        latency = statistics.median(times)
        started = time.perf_counter()
        reader = threading.Thread(target=_drain, args=(near,), daemon=True)
        reader.start()
        near.sendall(bytes(LINK_BYTES))
        elapsed = time.perf_counter() - started
        near.shutdown(socket.SHUT_WR)
        thread.join()
    return latency, LINK_BYTES / elapsed


def _drain(connection: socket.socket) -> None:
    try:
        while connection.recv(1 << 16):
            pass
    except OSError:
        return
