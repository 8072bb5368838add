"""The seam between the packet endpoint and the engine: words in, words out, commands, status."""

from amaranth import unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .layouts import start_layout

__all__ = ["HostBus", "read_layout", "write_layout"]


def write_layout(address_bits: int) -> data.StructLayout:
    """One word to a space of `hdl.contract.program.Space`."""
    return data.StructLayout({"space": 3, "address": address_bits, "data": 16})


def read_layout(address_bits: int) -> data.StructLayout:
    """One word wanted from a space of `hdl.contract.program.Space`."""
    return data.StructLayout({"space": 3, "address": address_bits})


class HostBus(wiring.Signature):
    """Host side of an engine, seen from the packet endpoint.

    Parameters
    ----------
    address_bits : int
        Of a word in its space, as in the engine's encoding.

    Members
    -------
    write : stream of `write_layout`
        Words to store; a word accepted is a word stored before any later START acts.
    read : stream of `read_layout`
        Words wanted, answered in order on ``read_data``. The endpoint asks for operand memories, labels and the
        program only while ``busy`` is low; counters at any time.
    read_data : stream of 16 bits
    start : Out(1)
        High for one cycle with ``parameters`` while ``busy`` is low: the run begins and ``busy`` rises in the next
        cycle.
    parameters : Out(start_layout())
    commit : Out(1), commit_batches : Out(16)
        High for one cycle, after that of ``start``: that many batches more may run.
    abort : Out(1)
        High for one cycle: a run in progress ends, whatever its program; ``busy`` falls when the pipeline is empty.
    busy : In(1)
        A run is on.
    batches_done : In(32)
        Batches finished since START, one that was aborted in its last instruction among them.
    """

    def __init__(self, address_bits: int) -> None:
        super().__init__({
            "write": Out(stream.Signature(write_layout(address_bits))),
            "read": Out(stream.Signature(read_layout(address_bits))),
            "read_data": In(stream.Signature(unsigned(16))),
            "start": Out(1),
            "parameters": Out(start_layout()),
            "commit": Out(1),
            "commit_batches": Out(16),
            "abort": Out(1),
            "busy": In(1),
            "batches_done": In(32),
        })
