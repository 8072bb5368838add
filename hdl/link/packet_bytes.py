"""The byte stream that carries packets between the endpoint and a medium (Ethernet, UART, virtual board)."""

from amaranth.lib import data, stream

__all__ = ["byte_layout", "packet_bytes"]


def byte_layout() -> data.StructLayout:
    """One byte of a packet; ``first`` and ``last`` mark its ends and may come together."""
    return data.StructLayout({"data": 8, "first": 1, "last": 1})


def packet_bytes() -> stream.Signature:
    """Stream of `byte_layout`, one byte a transfer, one packet from ``first`` to ``last``."""
    return stream.Signature(byte_layout())
