"""``deep3 bench link``: the keys that others read, and figures that the RTL's cycles decide."""

import functools
import json

import pytest

from deep3.hdl.contract.protocol import MAX_PAYLOAD_BYTES
from deep3.host.cli import main
from deep3.host.measure import link as link_bench

FRAME_BYTES_ON_THE_LINE = MAX_PAYLOAD_BYTES + 20 + 28 + 14 + 4 + 8 + 12
"""Packet header and CRC, IPv4 and UDP, Ethernet, FCS, preamble and gap."""


def test_the_report(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_bench, "RTL_PACKETS", 60)
    quick = functools.partial(link_bench.bench_host, seconds_a_round=0.01, rounds=2)
    monkeypatch.setattr(link_bench, "bench_host", quick)
    assert main(["bench", "link", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    best = MAX_PAYLOAD_BYTES / FRAME_BYTES_ON_THE_LINE
    assert 0.9 < report["rtl_rx_line_fraction"] <= best
    assert report["rtl_tx_line_fraction"] == pytest.approx(best, abs=1e-6)
    for name in ("host_gbps_clean", "host_gbps_1pct_loss", "host_gbps_5pct_loss"):
        assert report[name] > 0
    assert [len(case["rounds_gbps"]) for case in report["host_cases"]] == [2, 2, 2]
    assert {peer["gbps"] for peer in report["peers"]} == {0.5, 0.084, 0.0084}
