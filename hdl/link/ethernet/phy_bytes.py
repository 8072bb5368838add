"""The seam between the MAC and a PHY adapter: bytes of frames, preamble and FCS included, one byte time a cycle."""

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["PhyReceive", "PhyTransmit"]


class PhyReceive(wiring.Signature):
    """What a PHY adapter says in domain ``eth_rx``, seen from the adapter.

    Members
    -------
    enable : Out(1)
        A byte time is over in this cycle; with it low the others mean nothing. Constantly high at 1 Gb/s.
    valid : Out(1)
        Carrier of a frame, preamble included.
    error : Out(1)
        The PHY marks this byte as broken; counts where ``valid`` is high.
    data : Out(8)
    """

    def __init__(self) -> None:
        super().__init__({"enable": Out(1), "valid": Out(1), "error": Out(1), "data": Out(8)})


class PhyTransmit(wiring.Signature):
    """What the MAC says in domain ``eth_tx``, seen from the MAC.

    Members
    -------
    enable : In(1)
        The adapter takes ``valid`` and ``data`` in this cycle; with it low they are held.
    valid : Out(1)
        Carrier of a frame, from the first byte of the preamble to the last of the FCS.
    data : Out(8)
    """

    def __init__(self) -> None:
        super().__init__({"enable": In(1), "valid": Out(1), "data": Out(8)})
