"""Widths and depths that gateware, golden model and cost model share."""

__all__ = [
    "ACCUMULATOR_BITS", "BUFFER_WORDS", "COBS_BLOCK_BYTES", "COBS_MEMORY_BYTES", "FRAME_BYTE_BITS", "GROUP_COLUMNS",
    "READS_IN_FLIGHT", "RING_BYTES", "STORE_WORDS", "STORE_WORD_BITS", "group_widths", "sum_bits",
]  # fmt: skip

GROUP_COLUMNS = 4
"""Columns of the array that share one copy of the operands."""

ACCUMULATOR_BITS = 40
"""Sums wrap modulo 2^40 (numerics: gradients reach 2^30.7)."""

READS_IN_FLIGHT = 16
"""Words read ahead of a stalled reader: more than the latency of a read, so that reads run at one word a cycle."""

BUFFER_WORDS = 1024
"""16-bit words of one packet buffer of the endpoint; the next power of two above the longest packet."""

COBS_BLOCK_BYTES = 254
"""Longest run of bytes that are not zero behind one code byte of COBS."""

COBS_MEMORY_BYTES = COBS_BLOCK_BYTES + 2
"""A run that is collected, rounded up to what an address can name."""

RING_BYTES = 4096
"""Received frames that the Ethernet link keeps: two of the longest, one coming in while one goes out, and more."""

FRAME_BYTE_BITS = 9
"""A received byte, and whether its frame ends with it."""

STORE_WORDS = 2048
"""Frames to be sent: two of the longest, one being written while one is sent, and more."""

STORE_WORD_BITS = 18
"""Two bytes to be sent, whether the frame ends with them, and whether the second one counts."""


def group_widths(columns: int) -> list[int]:
    """Columns of each group, in order; only the last may be narrower than `GROUP_COLUMNS`."""
    return [min(GROUP_COLUMNS, columns - start) for start in range(0, columns, GROUP_COLUMNS)]


def sum_bits(rows: int) -> int:
    """Bits of a sum of ``rows`` products of two 16-bit words."""
    return 32 + (rows - 1).bit_length()
