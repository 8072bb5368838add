"""Parts of the flow: pins cut to a design's ports, stages kept, tools that are missing or fail, device options."""

from pathlib import Path

import pytest

from deep3.cost_model.boards import board_names, load_board
from deep3.flow.pin_file import pins_of
from deep3.flow.stage_cache import kept_stage
from deep3.flow.synthesis import route_ecp5, route_options
from deep3.flow.tools import ToolError, ToolHopeless, run_tool
from deep3.host.reports.timing import critical_path_words, timing_table


def test_pins_of_other_ports_are_left_out() -> None:
    for board in map(load_board, board_names()):
        text, suffix = board.pin_file.read_text(), board.pin_file.suffix
        clocks = {"clk_p", "clk_n"} if board.clock.differential else {"clk"}
        kept = pins_of(text, suffix, clocks)
        assert "eth_" not in kept
        assert "uart" not in kept
        assert all(clock in kept for clock in clocks)
        assert kept.count("\n") > len(clocks)


def test_bits_belong_to_their_port() -> None:
    text = 'LOCATE COMP "led[0]" SITE "A1";\nLOCATE COMP "ledger" SITE "A2";\n# words\n'
    assert pins_of(text, ".lpf", {"led"}) == 'LOCATE COMP "led[0]" SITE "A1";\n# words\n'
    assert pins_of('NET "led<1>" LOC = "A1";\n', ".ucf", {"led"}) == 'NET "led<1>" LOC = "A1";\n'


def test_a_stage_is_made_once(tmp_path: Path) -> None:
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "result").write_text("1")

    first, known_before = kept_stage(tmp_path, "stage", ("a", "b"), make)
    again, known_after = kept_stage(tmp_path, "stage", ("a", "b"), make)
    other, _ = kept_stage(tmp_path, "stage", ("ab", ""), make)
    assert (known_before, known_after) == (False, True)
    assert first == again != other
    assert (first / "result").read_text() == "1"
    assert len(made) == 2


def test_a_stage_that_failed_is_tried_again(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "log").write_text("why")
        raise ToolError("no")

    with pytest.raises(ToolError):
        kept_stage(tmp_path, "stage", ("a",), fail)
    (left,) = tmp_path.iterdir()
    assert (left / "log").read_text() == "why"
    folder, known = kept_stage(tmp_path, "stage", ("a",), lambda _: None)
    assert not known
    assert list(tmp_path.iterdir()) == [folder]


def tool(folder: Path, text: str) -> str:
    path = folder / "tool"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_failing_tool_shows_its_last_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTPNR_ECP5", tool(tmp_path, "for i in 1 2 3 4 5; do echo line $i; done; exit 7"))
    with pytest.raises(ToolError) as caught:
        run_tool("nextpnr-ecp5", [], tmp_path, "log")
    log = tmp_path / "log"
    assert str(caught.value) == (
        f"nextpnr-ecp5 failed with exit code 7: line 3 | line 4 | line 5 (all of it: {log}); try another seed, another "
        "router or a smaller engine"
    )
    assert log.read_text().count("\n") == 5


def test_a_tool_without_hope_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTPNR_ECP5", tool(tmp_path, "echo stuck; exec sleep 600"))
    with pytest.raises(ToolHopeless, match="nextpnr-ecp5 was stopped: it does not converge"):
        run_tool("nextpnr-ecp5", [], tmp_path, "log", lambda said: said == "stuck\n")


NEXTPNR = """case "$*" in
  *static*) echo "Info: iter={steps} steplen=1"; [ {steps} -lt 1000 ] || exec sleep 600 ;;
  *heap*) touch heap ;;
esac
while [ "$1" != --report ]; do shift; done
echo '{{"fmax": {{"clk": {{"achieved": 130, "constraint": 125}}}}, "utilization": {{}}, "critical_paths": []}}' > "$2"
"""


@pytest.mark.parametrize("steps", [500, 2000], ids=["converges", "does not"])
def test_the_second_placer_is_taken_where_the_first_does_not_converge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    monkeypatch.setenv("NEXTPNR_ECP5", tool(tmp_path, NEXTPNR.format(steps=steps)))
    said: list[str] = []
    routed = route_ecp5(tmp_path / "top.json", "25F", 6, "CABGA256", 125e6, 1, said.append)
    assert routed.clocks == {"clk": (130e6, 125e6)}
    stuck = steps > 1000
    assert (tmp_path / "heap").exists() == stuck
    assert said == ["nextpnr's static placer does not converge; placing with heap"] * stuck


def test_a_tool_that_is_named_and_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = str(tmp_path / "none")
    monkeypatch.setenv("ECPPACK", missing)
    with pytest.raises(ToolError) as caught:
        run_tool("ecppack", [], tmp_path, "log")
    assert str(caught.value) == f"{missing}, which ECPPACK names, is not installed; unset it, or name another"


@pytest.mark.parametrize(
    ("part", "option"),
    [
        ("LFE5UM5G-85F", "--um5g-85k"),
        ("UM5G-45F", "--um5g-45k"),
        ("LFE5U-25F", "--25k"),
        ("25F", "--25k"),
        ("LFE5UM-45F", "--um-45k"),
    ],
)
def test_parts_as_nextpnr_calls_them(part: str, option: str) -> None:
    assert route_options(part, 8, "CABGA554", 125e6, 3, "router1", "pins.lpf") == [
        option, "--speed", "8", "--package", "CABGA554", "--freq", "125.0", "--seed", "3", "--router", "router1",
        "--timing-allow-fail", "--lpf", "pins.lpf",
    ]  # fmt: skip


def test_words_of_a_report() -> None:
    path = [("a_TRELLIS_FF_Q", "b", 0.5, "clk-to-q"), ("a", "b", 1.0, "routing"), ("b", "c", 0.25, "logic")]
    assert critical_path_words(path) == "critical path: a to c, 1.75 ns, 1.00 ns of it routing, 1 levels of logic"
    assert critical_path_words([]) == "critical path: none"
    report = {
        "predicted": {"multipliers": 6, "block_rams": 7},
        "utilisation": {"MULT18X18D": (6, 72), "TRELLIS_FF": (9, 100)},
        "clocks": {"sync": (130e6, 125e6)},
        "registers_in_block_ram": 18,
    }
    assert timing_table(report) == [
        "cells                      used    there  predicted",
        "MULT18X18D                    6       72          6",
        "TRELLIS_FF                    9      100           ",
        "  and in block RAM           18",
        "clock                       MHz   wanted",
        "sync                      130.0    125.0",
    ]
