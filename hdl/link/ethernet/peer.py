"""Whom a board answers."""

from amaranth.lib import data

__all__ = ["peer_layout"]


def peer_layout() -> data.StructLayout:
    """Where a question came from, as 16-bit words: first word on the wire first, first byte in the high half."""
    return data.StructLayout({
        "mac": data.ArrayLayout(16, 3),
        "ip": data.ArrayLayout(16, 2),
        "port": 16,
    })
