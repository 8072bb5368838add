"""Decoder of ``.Z`` files (the LZW of Unix ``compress``), in which the UCI archive keeps ISOLET."""

from .dataset import DataError

__all__ = ["decompress"]

MAGIC = b"\x1f\x9d"
FIRST_BITS = 9
CLEAR = 256


def decompress(packed: bytes) -> bytes:
    """The content of a ``.Z`` file.

    Codes grow from 9 to at most 16 bits, least significant bit first. They come in groups of eight:
    a change of width skips what is left of the group, and the decoder must skip the same bytes.

    Raises
    ------
    DataError
        When the data are not in this format or damaged.
    """
    if len(packed) < 3 or packed[:2] != MAGIC:
        raise DataError("not a .Z file: the first two bytes must be 1f 9d")
    max_bits, block_mode = packed[2] & 0x1F, bool(packed[2] & 0x80)
    if not FIRST_BITS <= max_bits <= 16:
        raise DataError(f"damaged .Z file: the code width must be between 9 and 16 bits, not {max_bits}")

    first_free = CLEAR + 1 if block_mode else CLEAR
    literals = [bytes([value]) for value in range(256)] + ([b""] if block_mode else [])
    table = list(literals)
    out: list[bytes] = []
    previous = b""
    width = FIRST_BITS
    group_start, position = 24, 24  # bits
    end = 8 * len(packed)
    while position + width <= end:
        at = position >> 3
        code = int.from_bytes(packed[at : at + 4], "little") >> (position & 7) & ((1 << width) - 1)
        position += width
        if block_mode and code == CLEAR:
            table = list(literals)
            previous = b""
            position = group_start = _group_end(group_start, position, width)
            width = FIRST_BITS
            continue
        if code < len(table):
            entry = table[code]
        elif code == len(table) and previous:
            entry = previous + previous[:1]
        else:
            raise DataError(f"damaged .Z file: code {code} at bit {position - width} is not in the table")
        out.append(entry)
        if previous and len(table) < 1 << max_bits:
            table.append(previous + entry[:1])
        previous = entry
        if len(table) >= 1 << width and width < max_bits and len(table) > first_free:
            position = group_start = _group_end(group_start, position, width)
            width += 1
    return b"".join(out)


def _group_end(group_start: int, position: int, width: int) -> int:
    """First bit after the group of eight codes that ``position`` ends in or at."""
    group_bits = 8 * width
    return group_start + -(-(position - group_start) // group_bits) * group_bits
