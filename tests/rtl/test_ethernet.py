"""Network stack: RTL against golden twin, on lines good and bad."""

import json
from dataclasses import asdict

import pytest

from deep3.hdl.contract.station import Station
from deep3.hdl.link.ethernet.ethernet_link import EthernetLink
from deep3.sim.bench.runner import run_bench

STATION = Station("02:d3:12:34:56:78", "192.168.1.50", 54321)


def run(module: str, seed: int, periods_ps: tuple[int, int, int], byte_cycles: int, cases: int) -> None:
    link = EthernetLink(STATION.mac, STATION.ip, STATION.port)
    run_bench(
        link, module, seed=seed, station=json.dumps(asdict(STATION)), periods_ps=json.dumps(periods_ps),
        byte_cycles=byte_cycles, cases=cases,
    )  # fmt: skip


GIGABIT = [
    pytest.param((8000, 8000, 8000), id="one frequency"),
    pytest.param((8002, 7998, 8000), id="slow by more than crystals differ"),
    pytest.param((6660, 8000, 8000), id="150 MHz"),
]


@pytest.mark.parametrize("periods_ps", GIGABIT)
def test_any_traffic(periods_ps: tuple[int, int, int]) -> None:
    run("deep3.sim.bench.link.ethernet", 1, periods_ps, byte_cycles=1, cases=15)


@pytest.mark.parametrize("periods_ps", GIGABIT)
def test_full_load(periods_ps: tuple[int, int, int]) -> None:
    run("deep3.sim.bench.link.ethernet_load", 2, periods_ps, byte_cycles=1, cases=1)


def test_any_traffic_at_100_megabit() -> None:
    run("deep3.sim.bench.link.ethernet", 3, (20000, 40000, 40000), byte_cycles=2, cases=5)


def test_a_clock_too_slow_for_the_line() -> None:
    run("deep3.sim.bench.link.ethernet_slow", 4, (13000, 12000, 8000), byte_cycles=1, cases=1)
