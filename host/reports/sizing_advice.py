"""What to do with a sizing: the commands that use it, and what would help where its local network is too small."""

import shlex
from dataclasses import replace
from ipaddress import IPv4Address

from deep3.compiler.network.layers import MAX_SIZE
from deep3.compiler.optimisers.optimiser import SGD
from deep3.cost_model.boards import BoardDescription, board_names, load_board
from deep3.cost_model.choice import NothingFits
from deep3.cost_model.design import LocalDesign, ModelDesign, Task, Work
from deep3.cost_model.local_network import LocalNetwork, losses_of_accuracy
from deep3.cost_model.sizing import size
from deep3.hdl.contract.station import DEFAULT_IP

__all__ = ["DEFAULT_ENGINE_FILE", "build_commands", "remedies", "train_command", "train_model_command"]

DEFAULT_ENGINE_FILE = "engine.toml"
DATA = "DATA"
"""Stands for the data set, which sizing does not know."""


def train_command(task: Task, local: LocalNetwork, n_push: int, workers: list[str], engine: str = "") -> str | None:
    """``deep3 train`` with the answer of a sizing; None where a hidden layer is too wide for it."""
    if max(task.network.hidden, default=0) > MAX_SIZE:
        return None
    words = ["deep3", "train", DATA, "--hidden", ",".join(map(str, task.network.hidden)) or "none"]
    if local.ratio < 1:
        words += ["--ratio", repr(local.ratio)]
    if local.embedding < task.network.features:
        words += ["--embedding", str(local.embedding)]
    return _train(words, task, n_push, workers, engine)


def train_model_command(design: ModelDesign, workers: list[str], engine: str) -> str | None:
    """``deep3 train`` of the model with the answer of its sizing; None where it is in memory."""
    task = design.task
    if task.in_memory:
        return None
    shape = ",".join(map(str, task.network.input_shape))
    words = ["deep3", "train", DATA, "--model", task.name, "--input-shape", shape]
    if design.ratio < 1:
        words += ["--ratio", repr(design.ratio)]
    return _train(words, task, design.n_push, workers, engine)


def _train(words: list[str], task: Work, n_push: int, workers: list[str], engine: str) -> str:
    words = [*words, "--batch", str(task.batch), "--n-push", str(n_push)]
    if task.optimiser != SGD:
        words += ["--optimiser", task.optimiser.name]
    if engine:
        words += ["--config", engine]
    for worker in workers:
        words += ["--worker", worker]
    return shlex.join(words)


def build_commands(board: BoardDescription, boards: int, engine: str) -> tuple[list[str], list[str]]:
    """``deep3 build`` for each board that trains, and what ``deep3 train`` calls these boards.

    On an Ethernet each has an address of its own, from the default on, so a bitstream and a folder of its own.
    """
    link = [] if board.ethernet is not None else ["--link", "uart"]
    builds, workers = [], []
    for number in range(boards):
        ip = str(IPv4Address(DEFAULT_IP) + number)
        words = ["deep3", "build", "--board", board.argument, "--config", engine]
        folder = [] if number == 0 else ["-o", f"bitstreams/{board.key}-{number + 1}"]
        builds.append(shlex.join([*words, *(link or ["--ip", ip]), *folder]))
        workers.append(f"serial:/dev/ttyUSB{number}" if link else f"board:{ip}")
    return (builds[:1] if link else builds), workers


def remedies(design: LocalDesign, unrouted: bool) -> list[str]:
    """What makes a local network large enough: the largest smaller batch that does, and the boards that do."""
    task, found = design.task, []
    batch = task.batch // 2
    while batch and not _is_large_enough(replace(task, batch=batch), design.board, unrouted):
        batch //= 2
    if batch:
        found.append(f"--batch {batch}")
    boards = [name for name in board_names() if name != design.board.key]
    better = [name for name in boards if _is_large_enough(task, load_board(name), unrouted)]
    if better:
        found.append(f"--board {' or '.join(better)}")
    return found or ["fewer neurons or layers", "fewer features"]


def _is_large_enough(task: Task, board: BoardDescription, unrouted: bool) -> bool:
    try:
        best = size(task, board, unrouted)[0]
    except NothingFits:
        return False
    return not losses_of_accuracy(best.local, task.network)
