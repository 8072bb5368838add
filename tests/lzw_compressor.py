"""Unix compress, as a counterpart of the decoder under test."""

__all__ = ["compress"]


def compress(raw: bytes, max_bits: int = 16, clear_every: int = 0) -> bytes:
    """LZW as in Unix compress: codes in groups of eight, padded where the width changes."""
    out = bytearray(b"\x1f\x9d" + bytes([0x80 | max_bits]))
    group: list[int] = []
    table = {bytes([value]): value for value in range(256)}
    free, width = 257, 9

    def flush() -> None:
        if group:
            packed = sum(code << (width * index) for index, code in enumerate(group))
            out.extend(packed.to_bytes(width, "little"))
            group.clear()

    def emit(code: int, last: bool = False) -> None:
        group.append(code)
        if len(group) == 8 and not last:
            flush()

    prefix, emitted = b"", 0
    for value in raw:
        longer = prefix + bytes([value])
        if longer in table:
            prefix = longer
            continue
        emit(table[prefix])
        emitted += 1
        if clear_every and emitted % clear_every == 0:
            emit(256)
            flush()
            table = {bytes([byte]): byte for byte in range(256)}
            free, width = 257, 9
        else:
            if free < 1 << max_bits:
                table[longer] = free
                free += 1
            # The decoder's table is one entry behind, so it widens one code later.
            if free > 1 << width and width < max_bits:
                flush()
                width += 1
        prefix = bytes([value])
    if prefix:
        emit(table[prefix], last=True)
    if group:
        bits = width * len(group)
        packed = sum(code << (width * index) for index, code in enumerate(group))
        out.extend(packed.to_bytes(-(-bits // 8), "little"))
    return bytes(out)
