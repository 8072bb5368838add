"""Which device a bitstream is for, as its file says."""

import re
from dataclasses import dataclass
from pathlib import Path

from deep3.errors import Deep3Error

__all__ = ["ECP5_IDCODES", "BitstreamError", "BitstreamTarget", "bitstream_target"]

ECP5_IDCODES = {
    0x21111043: "LFE5U-12F", 0x41111043: "LFE5U-25F", 0x41112043: "LFE5U-45F", 0x41113043: "LFE5U-85F",
    0x01111043: "LFE5UM-25F", 0x01112043: "LFE5UM-45F", 0x01113043: "LFE5UM-85F",
    0x81111043: "LFE5UM5G-25F", 0x81112043: "LFE5UM5G-45F", 0x81113043: "LFE5UM5G-85F",
}  # fmt: skip
"""JTAG identification of each ECP5 (Lattice FPGA-TN-02039, and Project Trellis' devices.json)."""

ECP5_START = b"\xff\x00"
ECP5_PREAMBLE = b"\xff\xff\xbd\xb3"
ECP5_VERIFY_ID = b"\xe2\x00\x00\x00"
"""Command VERIFY_ID without a CRC; the IDCODE follows, most significant byte first."""

XILINX_START = bytes.fromhex("0009 0ff0 0ff0 0ff0 0ff0 00 0001")
HEADER_BYTES = 4096
"""Comments and the first commands are shorter by far."""


class BitstreamError(Deep3Error):
    """A file that is no bitstream, or one for another device."""


@dataclass(frozen=True)
class BitstreamTarget:
    """What a bitstream is for.

    Attributes
    ----------
    device
        ``LFE5UM5G-85F`` for Lattice, without speed and package; ``7a100tcsg324`` for Xilinx, with its package.
    package
        ``CABGA554``; empty where the file does not tell it apart.
    """

    device: str
    package: str = ""


def bitstream_target(path: Path) -> BitstreamTarget:
    """Read the head of a file of ecppack (or of Lattice's tools) or of Xilinx's tools.

    Raises
    ------
    BitstreamError
        When it is missing, empty, or no bitstream for an ECP5 or a Xilinx device.
    """
    if not path.is_file():
        raise BitstreamError(f"there is no bitstream {path}")
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES)
    if not head:
        raise BitstreamError(f"{path} is empty")
    if head.startswith(ECP5_START):
        return _ecp5(path, head)
    if head.startswith(XILINX_START):
        return _xilinx(path, head)
    raise BitstreamError(f"{path} is no bitstream: it starts with {head[:4].hex(' ')}, neither as ECP5's nor Xilinx's")


def _ecp5(path: Path, head: bytes) -> BitstreamTarget:
    comments, preamble, commands = head.removeprefix(ECP5_START).partition(ECP5_PREAMBLE)
    _, verify, behind = commands.partition(ECP5_VERIFY_ID)
    if not preamble or not verify or len(behind) < 4:
        raise BitstreamError(f"{path} is cut off or no bitstream: it names no IDCODE")
    idcode = int.from_bytes(behind[:4], "big")
    if idcode not in ECP5_IDCODES:
        raise BitstreamError(f"{path} is for a device that is no ECP5: IDCODE {idcode:#010x}")
    # "Part: LFE5UM5G-85F-8CABGA554", where the tools wrote it.
    part = re.search(rb"Part: [\w-]+-\d([A-Za-z]\w+)", comments)
    return BitstreamTarget(ECP5_IDCODES[idcode], part[1].decode() if part else "")


def _xilinx(path: Path, head: bytes) -> BitstreamTarget:
    """Fields of a letter, a length of two bytes and a text that ends with a zero: design, part, date, time."""
    at = len(XILINX_START)
    while at + 3 <= len(head):
        letter, length = head[at : at + 1], int.from_bytes(head[at + 1 : at + 3], "big")
        text, at = head[at + 3 : at + 3 + length], at + 3 + length
        if letter == b"b" and (part := re.fullmatch(rb"(\w+)\0", text)):
            return BitstreamTarget(part[1].decode())
    raise BitstreamError(f"{path} is cut off or no bitstream: it names no part")
