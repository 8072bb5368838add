"""Threads of a worker: one for small networks, affinity and environment respected, no spinning."""

import json
import os
import subprocess
import sys

import pytest

from deep3.host.workers.threads import THREADING_MULTIPLY_ADDS, usable_cores, worker_threads

LARGE = THREADING_MULTIPLY_ADDS
PASSIVE = {"OMP_WAIT_POLICY": "passive"}


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.usefixtures("eight_cores")
@pytest.mark.parametrize(
    ("environment", "cores"),
    [
        ({}, 8),
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"MKL_NUM_THREADS": "2", "OMP_NUM_THREADS": "3"}, 2),
        ({"OMP_NUM_THREADS": "4,2"}, 4),
        ({"OMP_NUM_THREADS": "64"}, 8),
        ({"OMP_NUM_THREADS": "0"}, 8),
        ({"OMP_NUM_THREADS": "many"}, 8),
    ],
)
def test_cores_are_those_of_affinity_and_environment(environment: dict[str, str], cores: int) -> None:
    assert usable_cores(environment) == cores


@pytest.mark.usefixtures("eight_cores")
def test_threads_of_a_worker() -> None:
    assert worker_threads(LARGE - 1, 1, PASSIVE) == 1
    assert worker_threads(LARGE, 1, PASSIVE) == 8
    assert worker_threads(LARGE, 3, PASSIVE) == 2
    assert worker_threads(LARGE, 20, PASSIVE) == 1
    assert worker_threads(LARGE, 1, {}) == 1
    assert worker_threads(LARGE, 1, PASSIVE | {"OMP_NUM_THREADS": "2"}) == 2


def test_affinity_is_that_of_the_process() -> None:
    program = "import os; from deep3.host.workers.threads import usable_cores; os.sched_setaffinity(0, {%d}); "
    program %= min(os.sched_getaffinity(0))
    assert run_python(program + "print(usable_cores({}))") == 1


def test_the_policy_is_set_only_before_torch_and_where_nobody_chose() -> None:
    call = "from deep3.host.workers.threads import wait_without_spinning as wait; import os, sys, json; "
    shown = "; wait(); print(json.dumps(os.environ.get('OMP_WAIT_POLICY')))"
    assert run_python(call + "None" + shown) == "passive"
    assert run_python(call + "os.environ['OMP_WAIT_POLICY'] = 'active'" + shown) == "active"
    assert run_python(call + "sys.modules['torch'] = sys" + shown) is None


@pytest.mark.parametrize(
    ("network", "pytorch"),
    [
        ("Network.uniform((512, 256, 10))", False),
        ("Network((2, 16, 16), (Convolution(8, (3, 3)), Flatten(), Dense(10)))", True),
    ],
)
def test_a_small_network_starts_no_thread_beside_its_worker_and_loads_pytorch_only_where_it_needs_it(
    network: str, pytorch: bool
) -> None:
    program = f"""
import json, os, sys
from contextlib import ExitStack
import numpy as np
from deep3.compiler.network.layers import Convolution, Dense, Flatten
from deep3.compiler.network.network import Network
from deep3.hdl.contract.config import EngineConfig
from deep3.host.global_network.global_network import GlobalNetwork
from deep3.host.workers.open import open_workers, parse_workers
network = {network}
with ExitStack() as stack:
    backend = open_workers(parse_workers(["cpu"]), network, EngineConfig(), 64, stack)[0]
    before = len(os.listdir("/proc/self/task"))
    weights = GlobalNetwork.initialise(network, 1.0, 1).weights
    backend.train(weights, np.zeros((3, 64, network.inputs), np.int16), np.zeros((3, 64), np.int64), 0.1, 1)
    print(json.dumps(["torch" in sys.modules, len(os.listdir("/proc/self/task")) - before]))
"""
    assert run_python(program) == [pytorch, 0]


def run_python(program: str) -> object:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "MKL_"))}
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    return json.loads(result.stdout)
