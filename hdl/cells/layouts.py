"""Instructions and start parameters as the gateware sees them."""

from amaranth import unsigned
from amaranth.lib import data

from deep3.hdl.contract.instruction import Encoding, instruction_fields
from deep3.hdl.contract.program import START_FIELDS

__all__ = ["instruction_layout", "start_layout"]


def _layout(table: tuple[tuple[str, int], ...]) -> data.StructLayout:
    return data.StructLayout({name: unsigned(width) for name, width in table})


def instruction_layout(encoding: Encoding) -> data.StructLayout:
    """The fields of an encoded instruction; walk levels hold jumps, not strides."""
    return _layout(instruction_fields(encoding))


def start_layout() -> data.StructLayout:
    """The fields of `hdl.contract.program.StartParameters`."""
    return _layout(START_FIELDS)
