"""What is fuzzed: each reader of foreign bytes, what a good input looks like, and how it may refuse."""

import gzip
import io
import random
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from lzw_compressor import compress
from run_folders import describe, made_up_run, write_events
from small_network import CONFIG, NETWORK

from deep3.compiler.exporters.onnx_file import onnx_model
from deep3.compiler.importers.graph import ModelError
from deep3.compiler.importers.lower import lower_graph
from deep3.compiler.importers.onnx_file import read_onnx
from deep3.compiler.network.layers import Convolution, Dense, Dropout, Flatten, MaxPool, MeanPool
from deep3.compiler.network.network import Network
from deep3.cost_model.boards import FOLDER, BoardDescriptionError, parse_board
from deep3.hdl.contract.address import AddressError, parse_endpoint
from deep3.hdl.contract.config import ConfigError, EngineConfig
from deep3.hdl.contract.program import Function, StartParameters
from deep3.hdl.contract.protocol import Ack, PacketError, Welcome, parse_packet
from deep3.host.data import Origin
from deep3.host.data.archives import parse_idx, parse_isolet_table
from deep3.host.data.arrays import read_npz_table
from deep3.host.data.csv_file import read_csv
from deep3.host.data.dataset import DataError
from deep3.host.data.lzw import decompress
from deep3.host.global_network.global_network import GlobalNetwork
from deep3.host.link.discovery import DiscoveryError, parse_place
from deep3.host.link.errors import LinkError
from deep3.host.projection.projection import Projection
from deep3.host.records.events import EVENTS_FILE, Finished, RecordError, WorkerLost, read_records
from deep3.host.records.history import read_histories
from deep3.host.records.run_folder import SETTINGS_FILE, RunDescription
from deep3.host.reports.run_numbers import run_numbers
from deep3.host.training.checkpoint import Checkpoint, CheckpointError
from deep3.host.workers.base import BackendError
from deep3.host.workers.open import parse_workers
from deep3.sim.board.ethernet import DEFAULT_STATION
from deep3.sim.golden.link.cobs import Decoder, encode
from deep3.sim.golden.link.ethernet import EthernetLink, Peer, echo_frame, own_peer, udp_frame

from .mutate import damage, damage_packet
from .scenarios import BOARD_PACKETS, HOST_PACKETS, RUN, lying_board, lying_host

__all__ = ["TARGETS", "Target"]

Mutator = Callable[[random.Random, Sequence[bytes]], bytes]
PEER = Peer(bytes.fromhex("020000000001"), bytes((192, 168, 1, 2)), 40000)
OWN = own_peer(DEFAULT_STATION)


@dataclass(frozen=True)
class Target:
    """A reader: it takes any bytes, or raises one of ``refusals`` with a message of one line."""

    name: str
    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    refusals: tuple[type[Exception], ...] = ()
    mutate: Mutator = damage


def _text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: read(data.decode("utf-8", "replace"))


def _file(read: Callable[[Path], object], suffix: str) -> Callable[[bytes], object]:
    folder = tempfile.TemporaryDirectory(prefix="deep3-fuzz-")

    def read_file(data: bytes) -> object:
        path = Path(folder.name) / f"case{suffix}"
        path.write_bytes(data)
        return read(path)

    return read_file


def _drawn(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """The seed of a scenario."""
    return rng.randbytes(8)


def _npz(**arrays: object) -> bytes:
    packed = io.BytesIO()
    np.savez(packed, **arrays)  # type: ignore[arg-type]
    return packed.getvalue()


def _damaged_arrays(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """A file in order, with arrays in it that are not; damage to its bytes is mostly found by its checksums."""
    if rng.random() < 0.3:
        return damage(rng, seeds)
    with np.load(io.BytesIO(rng.choice(seeds))) as archive:
        arrays = {key: archive[key] for key in archive.files}
    for _ in range(rng.choice((1, 1, 2))):
        key, values = rng.choice(list(arrays)), np.random.default_rng(rng.getrandbits(32))
        array = arrays.pop(key)
        change = rng.randrange(8)
        if change == 1:
            arrays[key] = array.reshape(-1)[: rng.randrange(array.size + 1)]
        elif change == 2:
            arrays[key] = array[np.newaxis]
        elif change == 3:
            arrays[key] = values.integers(-(2**63), 2**63 - 1, array.shape)
        elif change == 4:
            arrays[key] = np.full(array.shape, rng.choice((np.nan, np.inf, -1e300, 2**64)))
        elif change == 5:
            arrays[key] = np.full(array.shape, rng.choice(("", "one\ntwo", "\u20ac")))
        elif change == 6 and array.dtype.kind in "biuf":
            arrays[key] = array.astype(rng.choice((np.complex64, np.bool_, np.uint64, np.float16)))
        elif change == 7:
            arrays[key] = np.array(rng.choice((0, -1, 1 << 62, 0.5)))
    return _npz(**arrays)


def _data_files() -> tuple[bytes, ...]:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(30, 3)).astype(np.float32), np.arange(30) % 3
    split = {"train_idx": np.arange(20), "test_idx": np.arange(20, 30)}
    return _npz(X=x, y=y), _npz(X=x, y=y, scale=2.0, **split)


def _npz_file(path: Path) -> object:
    return read_npz_table(path).dataset(Origin())


def _csv_file(path: Path) -> object:
    return read_csv(path).dataset(Origin())


def _checkpoints() -> tuple[bytes, ...]:
    weights = [np.zeros((outputs, inputs + 1)) for inputs, outputs in pairwise(NETWORK.sizes)]
    network = GlobalNetwork(NETWORK, 1.0, weights)
    mean = np.zeros(NETWORK.sizes[0], np.float32)
    projection = Projection(mean, None, mean, mean.astype(np.int64))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.npz"
        names = tuple(map(str, range(NETWORK.sizes[-1])))
        Checkpoint(network, projection, names, Origin("digits"), 3).save(path)
        return (path.read_bytes(),)


def _run_files() -> tuple[bytes, bytes]:
    """Records and settings."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        describe(run, ("cpu-1", "golden-1"))
        write_events(run, [*made_up_run(("cpu-1", "golden-1"), 4, 0.1), WorkerLost(4, "cpu-1", "gone", 0.5)])
        write_events(run, [Finished(4, "epochs", 0.6)])
        return (run / EVENTS_FILE).read_bytes(), (run / SETTINGS_FILE).read_bytes()


def _run_records(path: Path) -> object:
    shutil.copy(path, path.parent / EVENTS_FILE)
    records, _ = read_records(path.parent)
    read_histories(path.parent)
    return run_numbers(event for run, event in records if run == "joint")


def _run_settings(path: Path) -> object:
    shutil.copy(path, path.parent / SETTINGS_FILE)
    return RunDescription.load(path.parent)


def _endpoint_frames(data: bytes) -> None:
    EthernetLink(DEFAULT_STATION).receive(data)


def _cobs_stream(data: bytes) -> None:
    decoder = Decoder()
    packets = [packet for byte in data if (packet := decoder.receive(byte)) is not None]
    assert all(packets)
    for byte in b"\0" + encode(HOST_PACKETS[0]):
        last = decoder.receive(byte)
    assert last == HOST_PACKETS[0]


def _onnx_file(path: Path) -> object:
    return lower_graph(read_onnx(path, MAPS.input_shape))


def _onnx_files() -> tuple[bytes, ...]:
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=shape) for shape in MAPS.weight_shapes]
    return (onnx_model(MAPS, weights).SerializeToString(),)


MAPS = Network(
    (1, 6, 6),
    (
        Convolution(2, (3, 3), (1, 1), (1, 1), Function.TANH), MaxPool((3, 3), (2, 2), (1, 1), ceil=True),
        MeanPool((2, 2), (1, 1)), Flatten(), Dropout(0.5), Dense(4, Function.RELU), Dense(3),
    ),
)  # fmt: skip
BOARDS = tuple(path.read_bytes() for path in sorted(FOLDER.glob("*/board.toml")))
CSV = b'width,height,"kind of, it"\r\n1.5,2,cat\r\n-3e2,.5,"do""g"\r\n' + b"1,2,cat\n4,4,3\n" * 3
ISOLET = b"\n".join(b", ".join([b"0.5"] * 617 + [b"%d." % (1 + row)]) for row in range(2))
TARGETS = (
    Target("packet", parse_packet, HOST_PACKETS + BOARD_PACKETS, (PacketError,), damage_packet),
    Target("welcome", Welcome.parse, (bytes(20),), (PacketError,)),
    Target("ack", Ack.parse, (bytes(28),), (PacketError,)),
    Target("start", StartParameters.decode, (RUN.encode(),), (ValueError,)),
    Target("lying-board", lying_board, (b"",), (LinkError,), _drawn),
    Target("lying-host", lying_host, (b"",), mutate=_drawn),
    Target("frame", _endpoint_frames, tuple(
        make(PEER, OWN, content) for make in (udp_frame, echo_frame) for content in (HOST_PACKETS[0], HOST_PACKETS[3])
    )),
    Target("cobs", _cobs_stream, tuple(encode(packet) for packet in HOST_PACKETS)),
    Target("engine-toml", _text(EngineConfig.from_toml), (CONFIG.to_toml().encode(),), (ConfigError,)),
    Target(
        "board-toml", _text(lambda text: parse_board(text, Path("fuzzed"), "board.toml")), BOARDS,
        (BoardDescriptionError,),
    ),
    Target("endpoint", _text(parse_endpoint), (b"127.0.0.1:4660", b"[::1]:7"), (AddressError,)),
    Target("place", _text(parse_place), (b"192.168.1.255", b"board:54321"), (DiscoveryError,)),
    Target(
        "workers", _text(lambda text: parse_workers(text.split(" "))),
        (b"cpu:2 golden virtual:1 board:192.168.1.50:54321", b"serial:/dev/ttyUSB0:115200"), (BackendError,),
    ),
    Target("data-npz", _file(_npz_file, ".npz"), _data_files(), (DataError,), _damaged_arrays),
    Target("data-csv", _file(_csv_file, ".csv"), (CSV, CSV.replace(b",", b";")), (DataError,)),
    Target("checkpoint", _file(Checkpoint.load, ".npz"), _checkpoints(), (CheckpointError, DataError), _damaged_arrays),
    Target("run-records", _file(_run_records, ".jsonl"), _run_files()[:1], (RecordError,)),
    Target("run-settings", _file(_run_settings, ".json"), _run_files()[1:], (RecordError,)),
    Target("onnx", _file(_onnx_file, ".onnx"), _onnx_files(), (ModelError,)),
    Target("idx", lambda data: parse_idx(data, "fuzzed"), (
        gzip.compress(b"\0\0\x08\1\0\0\0\5abcde", mtime=0),
        gzip.compress(b"\0\0\x08\3\0\0\0\1\0\0\0\2\0\0\0\2abcd", mtime=0),
    ), (DataError,)),
    Target("isolet", _text(lambda text: parse_isolet_table(text, "fuzzed", 2)), (ISOLET,), (DataError,)),
    Target("lzw", decompress, (compress(b"to be or not to be that is to be" * 30), compress(b"")), (DataError,)),
)
