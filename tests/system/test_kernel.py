"""The RTL of a whole board on a network interface of a real kernel, without root: ARP, ping, discovery, training."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small_network import CONFIG

from deep3.sim.board.ethernet import DEFAULT_STATION
from deep3.sim.board.ethernet_build import ethernet_library

TESTS = Path(__file__).parents[1]
NAMESPACE = ("unshare", "--user", "--map-root-user", "--net")
"""util-linux: a network of one's own, in which anybody may make interfaces."""

PROBE = "import kernel_cases as cases; cases.make_interface('board0', cases.HOST, cases.MASK, cases.BROADCAST)"


def inside(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*NAMESPACE, sys.executable, *command], cwd=TESTS, capture_output=True, text=True, timeout=300,
        env=dict(os.environ, PYTHONPATH=f"{TESTS.parent}{os.pathsep}{TESTS}"),
    )  # fmt: skip


def test_a_kernel_speaks_with_the_board() -> None:
    if shutil.which(NAMESPACE[0]) is None:
        pytest.skip("unshare (util-linux) is not installed")
    probe = inside("-c", PROBE)
    if probe.returncode:
        pytest.skip(f"no network interface can be made here: {probe.stderr.splitlines()[-1]}")
    ethernet_library(CONFIG, DEFAULT_STATION)
    result = inside("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(TESTS.parent), "kernel_cases.py")
    assert result.returncode == 0, result.stdout + result.stderr
