"""Device files: every mistake in one line."""

from pathlib import Path

import pytest

from deep3.cost_model.boards import board_names, load_board
from deep3.cost_model.devices import FOLDER, DeviceError, device_names, load_device, read_device


@pytest.mark.parametrize("name", device_names())
def test_every_device_reads_and_says_its_source(name: str) -> None:
    device = load_device(name)
    assert device.source
    assert device.usable.source
    assert device.power.source
    bits = {words * width for words, width in device.block_ram.aspect_ratios}
    assert bits <= {device.block_ram.bits, device.block_ram.bits * 8 // 9}


@pytest.mark.parametrize("board", board_names())
def test_every_board_has_its_device(board: str) -> None:
    assert load_device(load_board(board).device).key == load_board(board).device


def test_unknown_device_names_the_nearest() -> None:
    with pytest.raises(DeviceError, match="not 'ecp5-85'; nearest: ecp5-85f"):
        load_device("ecp5-85")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("luts = 83640\n", "", r"missing field 'luts' in \[logic\]"),
        ("[multiplier]", "[multipliers]", "missing field 'multiplier'"),
        ("count = 156", "count = 156\ncolour = 1", r"unknown field 'colour' in \[multiplier\]; known fields: a_bits,"),
        ("count = 156", "count = -1", "multiplier.count must be a whole number above 0, not -1"),
        ("static_watts = 0.25", 'static_watts = "low"', "power.static_watts must be a number above 0, not 'low'"),
        ("luts = 0.8", "luts = 1.5", "usable.luts must be at most 1, not 1.5"),
        ('family = "ecp5"', 'family = "ice40"', "family must be one of ecp5, xilinx, not 'ice40'"),
        ("[[16384, 1]", "[[16384]", r"block_ram.aspect_ratios must be a list of \[words, bits\], not"),
        ("rows = [10,", 'rows = ["10",', "multiplier_sites.rows must be a list of whole numbers, not"),
        ("blocks = [4,", "block = [4,", r"missing field 'blocks' in \[multiplier_sites\]"),
        ("[logic]", "[logic", "cannot read the device: "),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = (FOLDER / "ecp5-85f.toml").read_text()
    assert old in text
    path = tmp_path / "device.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DeviceError, match=message) as error:
        read_device(path)
    assert str(path) in str(error.value)
