"""Heads of bitstreams, as the tools write them."""

from deep3.flow.bitstream import ECP5_IDCODES

__all__ = ["ecp5_bitstream", "xilinx_bitstream"]


def ecp5_bitstream(device: str, part: str = "") -> bytes:
    """Comment, preamble, LSC_RESET_CRC and VERIFY_ID as ecppack writes them; without ``part`` no comment."""
    idcode = next(code for code, name in ECP5_IDCODES.items() if name == device)
    comment = f"Part: {part}\0".encode() if part else b""
    reset_crc = b"\xff\xff\xff\xff\x3b\x00\x00\x00"
    return b"\xff\x00" + comment + b"\xff\xff\xff\xbd\xb3" + reset_crc + b"\xe2\x00\x00\x00" + idcode.to_bytes(4, "big")


def xilinx_bitstream(part: str) -> bytes:
    """Header of a .bit of Vivado, and the first words behind it."""
    fields = (b"a", "deep3;UserID=0XFFFFFFFF;Version=2024.1"), (b"b", part), (b"c", "2026/01/02"), (b"d", "03:04:05")
    header = b"".join(letter + len(text + "\0").to_bytes(2, "big") + text.encode() + b"\0" for letter, text in fields)
    return bytes.fromhex("00090ff00ff00ff00ff0000001") + header + b"e\x00\x00\x00\x08" + b"\xff" * 8
