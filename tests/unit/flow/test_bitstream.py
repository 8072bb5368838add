"""The device of a bitstream, as real tools write it and as broken files do not."""

from contextlib import suppress
from pathlib import Path

import pytest
from bitstreams import ecp5_bitstream, xilinx_bitstream
from hypothesis import given
from hypothesis import strategies as st

from deep3.cost_model.boards import board_names, load_board
from deep3.flow.bitstream import ECP5_IDCODES, BitstreamError, BitstreamTarget, bitstream_target
from deep3.flow.program import ProgramBoardError, check_bitstream
from deep3.flow.synthesis import pack_ecp5

XILINX_PARTS = {"arty-a7-100": "7a100tcsg324", "genesys2": "7k325tffg900", "ml605": "6vlx240tff1156"}
"""As Vivado and ISE write them."""


def written(folder: Path, data: bytes) -> Path:
    path = folder / "deep3.bit"
    path.write_bytes(data)
    return path


def test_a_bitstream_of_ecppack_names_its_device(tmp_path: Path) -> None:
    (tmp_path / "chip.config").write_text(".device LFE5U-25F\n\n.comment Part: LFE5U-25F-6CABGA256\n\n")
    pack_ecp5(tmp_path, "chip.config", "deep3.bit")
    path = tmp_path / "deep3.bit"
    assert bitstream_target(path) == BitstreamTarget("LFE5U-25F", "CABGA256")
    check_bitstream(path, load_board("colorlight-5a-75b"))
    head = ecp5_bitstream("LFE5U-25F", "LFE5U-25F-6CABGA256")
    assert path.read_bytes().startswith(head)


@pytest.mark.parametrize("device", ECP5_IDCODES.values())
def test_every_ecp5_is_told_apart(tmp_path: Path, device: str) -> None:
    assert bitstream_target(written(tmp_path, ecp5_bitstream(device))) == BitstreamTarget(device)


def test_a_bitstream_of_vivado_names_its_device(tmp_path: Path) -> None:
    path = written(tmp_path, xilinx_bitstream("7k325tffg900"))
    assert bitstream_target(path) == BitstreamTarget("7k325tffg900")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"bits", "is no bitstream: it starts with 62 69 74 73, neither as ECP5's nor Xilinx's"),
        (ecp5_bitstream("LFE5U-25F")[:20], "is cut off or no bitstream: it names no IDCODE"),
        (b"\xff\x00 text", "is cut off or no bitstream: it names no IDCODE"),
        (
            ecp5_bitstream("LFE5U-25F").replace(b"\x41\x11\x10\x43", b"\x01\x2b\xa0\x43"),
            "is for a device that is no ECP5: IDCODE 0x012ba043",
        ),
        (xilinx_bitstream("7k325tffg900")[:20], "is cut off or no bitstream: it names no part"),
    ],
)
def test_a_file_that_is_no_bitstream(tmp_path: Path, data: bytes, reason: str) -> None:
    path = written(tmp_path, data)
    with pytest.raises(BitstreamError) as caught:
        bitstream_target(path)
    assert str(caught.value) == f"{path} {reason}"


@given(st.sampled_from([ecp5_bitstream("LFE5U-25F"), xilinx_bitstream("7k325tffg900")]), st.data())
def test_a_damaged_head_is_refused_or_names_a_device(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, draw: st.DataObject
) -> None:
    at = draw.draw(st.integers(0, len(data) - 1))
    damaged = data[:at] + draw.draw(st.binary(max_size=8)) + data[at + 1 :]
    path = written(tmp_path_factory.mktemp("damaged"), damaged[: draw.draw(st.integers(0, len(damaged)))])
    with suppress(BitstreamError):
        assert bitstream_target(path).device.isprintable()


def test_boards_take_no_bitstream_of_another(tmp_path: Path) -> None:
    """All boards against the bitstream of each: only those of the same device and package are alike."""
    boards = [load_board(name) for name in board_names()]
    for made_for in boards:
        if made_for.family == "ecp5":
            part = f"{made_for.part}-{made_for.speed_grade}{made_for.package}"
            path = written(tmp_path, ecp5_bitstream(made_for.part, part))
        else:
            path = written(tmp_path, xilinx_bitstream(XILINX_PARTS[made_for.key]))
        for board in boards:
            if (board.part, board.package) == (made_for.part, made_for.package):
                check_bitstream(path, board)
            else:
                with pytest.raises(ProgramBoardError, match="nothing was sent"):
                    check_bitstream(path, board)
