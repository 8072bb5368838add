"""Descriptions of boards: all there are can be read, what is wrong is one line, pins are those of amaranth-boards."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from deep3.cost_model.boards import BoardDescriptionError, board_names, load_board, parse_board

ROLES = {
    "tx_ctrl": "tx_ctl", "rx_ctrl": "rx_ctl", "rst": "reset_n", "tx_en": "tx_valid", "rx_dv": "rx_valid",
    "rx_er": "rx_error",
}  # fmt: skip
UNUSED = {"col", "crs"}
TEXT = load_board("ecpix5-85f").pin_file.with_name("board.toml").read_text()


def test_every_board_is_described() -> None:
    assert board_names() == [
        "arty-a7-100", "butterstick", "colorlight-5a-75b", "ecpix5-45f", "ecpix5-85f", "genesys2", "ml605",
        "versa-ecp5-5g",
    ]  # fmt: skip
    for name in board_names():
        board = load_board(name)
        assert board.key == name
        assert board.pin_file.exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ecpix5", "there is no board 'ecpix5'; did you mean ecpix5-85f or ecpix5-45f or versa-ecp5-5g?"),
        (
            "zzz",
            "there is no board 'zzz'; there are arty-a7-100, butterstick, colorlight-5a-75b, ecpix5-45f, ecpix5-85f, "
            "genesys2, ml605, versa-ecp5-5g",
        ),
    ],
)
def test_an_unknown_board_is_refused(name: str, message: str) -> None:
    with pytest.raises(BoardDescriptionError) as caught:
        load_board(name)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("input_hz = 100_000_000\n", "", "b: [clock]: input_hz is missing"),
        ("input_hz = 100_000_000", 'input_hz = "1"', "b: [clock]: input_hz must be an integer, not '1'"),
        ('part = "LFE5UM5G-85F"\n', "", "b: part is missing"),
        ('"rgmii"', '"sgmii"', "b: phy must be one of gmii, mii, rgmii, not 'sgmii'"),
        ('"ecp5"', '"ice40"', "b: family must be one of ecp5, xilinx7, virtex6, not 'ice40'"),
        ("[leds]\n", "[leds]\nblue = 1\n", "b: [leds]: unknown key 'blue'; known keys: count, inverted"),
        ("rows = 12", "rows = 99", "b: [engine]: rows must be between 2 and 16, not 99"),
        (
            "[engine]\n", "[power]\nidle_watts = -1\n[engine]\n",
            "b: [power] idle_watts must be a number of at least 0, not -1",
        ),
        ("name = ", "name ", "b: not valid TOML: Expected '=' after a key in a key/value pair (at line 1, column 6)"),
        ('programmer = ["-b", "ecpix5"]', "programmer = 3", "b: programmer must be a list of strings, not 3"),
    ],
)  # fmt: skip
def test_a_bad_description_is_one_line(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(BoardDescriptionError) as caught:
        parse_board(TEXT.replace(old, new), Path("b"), "b")
    assert str(caught.value) == message


def test_a_board_has_a_link() -> None:
    ethernet = TEXT[TEXT.index("[ethernet]") : TEXT.index("[uart]")]
    uart = TEXT[TEXT.index("[uart]") : TEXT.index("[leds]")]
    assert parse_board(TEXT.replace(ethernet, ""), Path("b"), "b").ethernet is None
    assert parse_board(TEXT.replace(uart, ""), Path("b"), "b").uart is None
    with pytest.raises(BoardDescriptionError, match=r"^b: a board needs \[ethernet\] or \[uart\]$"):
        parse_board(TEXT.replace(ethernet, "").replace(uart, ""), Path("b"), "b")


def test_power_is_read() -> None:
    board = parse_board(TEXT + "\n[power]\nidle_watts = 1.5\n[power.joules]\nmultiply = 1e-11\n", Path("b"), "b")
    assert board.power is not None
    assert board.power.idle_watts == 1.5
    assert board.power.joules == {"multiply": 1e-11}


def test_pins_are_those_of_amaranth_boards() -> None:
    checked = 0
    for board in map(load_board, board_names()):
        if not board.platform:
            continue
        module, name = board.platform.split(":")
        platform = getattr(importlib.import_module(module), name)
        resources = {(each.name, each.number): each for each in platform.resources}
        wanted = set(_clock_pins(resources, board.clock.input_hz))
        kind = "eth_mii" if ("eth_mii", 0) in resources else "eth_rgmii"
        wanted |= set(_pins(resources[kind, 0], "eth_"))
        if ("eth_clk25", 0) in resources:
            wanted |= {("eth_ref_clk", *resources["eth_clk25", 0].ios[0].names)}
        if board.uart is not None:
            wanted |= set(_pins(resources["uart", 0], "uart_"))
        found = set(_file_pins(board.pin_file.read_text()))
        assert {pin for pin in found if not pin[0].startswith("led[")} == wanted, board.key
        every = {pin for each in resources.values() for io in each.ios for pin in _names(io)}
        assert {pin for port, pin in found if port.startswith("led[")} <= every
        checked += 1
    assert checked == 7


def _names(io: Any) -> list[str]:
    inner = io.ios[0] if hasattr(io, "ios") else io
    if hasattr(inner, "p"):
        return [name.strip() for name in (*inner.p.names, *inner.n.names)]
    return [name.strip() for name in getattr(inner, "names", ())]


def _clock_pins(resources: dict[tuple[str, int], Any], input_hz: int) -> list[tuple[str, str]]:
    names = ("clk", "clk100", "clk25", "clk30")
    (clock,) = (each for (name, _), each in resources.items() if name in names)
    assert clock.clock.frequency == input_hz
    pins = _names(clock.ios[0])
    if len(pins) == 1:
        return [("clk", pins[0])]
    lattice = "IO_TYPE" in clock.attrs
    return [("clk", pins[0])] if lattice else [("clk_p", pins[0]), ("clk_n", pins[1])]


def _pins(resource: Any, prefix: str) -> list[tuple[str, str]]:
    found = []
    for signal in resource.ios:
        port = prefix + ROLES.get(signal.name, signal.name)
        names = _names(signal)
        if signal.name not in UNUSED:
            found += [(f"{port}[{bit}]" if len(names) > 1 else port, pin) for bit, pin in enumerate(names)]
    return found


def _file_pins(text: str) -> list[tuple[str, str]]:
    lpf = re.findall(r'LOCATE COMP "(\S+)" SITE "(\S+)"', text)
    xdc = re.findall(r"PACKAGE_PIN (\S+) .*get_ports {(\S+)}", text)
    return lpf + [(port, pin) for pin, port in xdc]
