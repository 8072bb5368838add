"""The gateware unit by unit: component, twin, bench, proof and cost side by side, held to the folders by a test."""

from dataclasses import dataclass

__all__ = ["PARTS", "PROOFS", "UNITS", "Unit"]


@dataclass(frozen=True)
class Unit:
    """One unit of the gateware; paths are dotted names below ``deep3``.

    Attributes
    ----------
    name
        That of its files.
    components
        Classes of `hdl` that the bench runs.
    twin
        What `sim.golden` has in its place; empty where ``note`` says why there is none.
    benches
        Modules of `sim.bench`.
    cost
        Key of `flow.sample_synthesis.UNITS`: its samples are those of this unit, or hold it too where ``note`` says so;
        empty where no cost is modelled.
    note
        What is missing, and why.
    """

    name: str
    components: tuple[str, ...]
    twin: str
    benches: tuple[str, ...]
    cost: str
    note: str = ""


def _unit(name: str, component: str, twin: str, cost: str, note: str = "", room: str = "engine") -> Unit:
    module = f"{room}.{name}"
    twin_path = f"sim.golden.{module}.{twin}" if twin else ""
    return Unit(name, (f"hdl.{module}.{component}",), twin_path, (f"sim.bench.{module}",), cost, note)


_BYTES = "wires with a register or two: no cost is modelled"
_PHY = ("sim.bench.phy.phy",)

UNITS = (
    _unit("engine", "Engine", "Engine", "engine"),
    _unit("sequencer", "Sequencer", "Sequencer", "sequencer"),
    _unit("fetch", "Fetch", "Fetch", "sequencer", "one of its parts"),
    _unit("countdown", "Countdown", "Countdown", "sequencer", "six of its parts; one more in the engine"),
    _unit("levels", "Levels", "Levels", "sequencer", "four of its parts, six with convolution"),
    _unit("walker", "Walker", "walk_addresses", "engine", "what whole engines have beyond the sum of their units"),
    _unit("store", "OperandStore", "OperandStore", "store"),
    Unit(
        "memory", ("hdl.engine.memory.Scatter", "hdl.engine.memory.OperandBanks", "hdl.engine.memory.Gather"),
        "sim.golden.engine.memory.OperandMemory", ("sim.bench.engine.memory",), "store", "parts of it",
    ),
    _unit("columns", "Columns", "Columns", "engine", "array, accumulator and lanes, and what is between units"),
    _unit("array", "SystolicArray", "SystolicArray", "array"),
    _unit("accumulator", "Accumulator", "Accumulator", "accumulator"),
    _unit("lanes", "PostLanes", "post", "lanes"),
    _unit("loss", "LossUnit", "softmax", "loss"),
    _unit("operand", "OperandMask", "mask_positions", "operand"),
    _unit("pool", "Pool", "window_maxima", "pool"),
    _unit("host_port", "HostPort", "HostPort", "host port"),
    _unit("counters", "Counters", "Counters", "counters"),
    _unit("endpoint", "Endpoint", "Endpoint", "endpoint", room="link"),
    Unit(
        "cobs", ("hdl.link.cobs.CobsDecoder", "hdl.link.cobs.CobsEncoder"), "sim.golden.link.cobs.Decoder",
        ("sim.bench.link.cobs_decoder", "sim.bench.link.cobs_encoder"), "uart", "parts of it",
    ),
    _unit("uart", "UartLink", "receive", "uart", room="link"),
    Unit(
        "ethernet", ("hdl.link.ethernet.ethernet_link.EthernetLink",), "sim.golden.link.ethernet.EthernetLink",
        ("sim.bench.link.ethernet", "sim.bench.link.ethernet_load", "sim.bench.link.ethernet_slow"), "ethernet",
    ),
    Unit("rgmii", ("hdl.phy.rgmii.Rgmii",), "sim.golden.phy.rgmii.rgmii_receive", _PHY, "", _BYTES),
    Unit("gmii", ("hdl.phy.gmii.Gmii",), "sim.golden.phy.gmii.gmii_receive", _PHY, "", _BYTES),
    Unit("mii", ("hdl.phy.mii.Mii",), "sim.golden.phy.mii.MiiReceive", _PHY, "", _BYTES),
    _unit("mdio", "Mdio", "MdioStatus", "", "a board has one: no cost is modelled", room="phy"),
    _unit("reset", "PhyReset", "", "", "a counter: its bench has the one number that it keeps to, no cost", room="phy"),
)  # fmt: skip

PARTS = {
    "hdl.engine.array.ColumnGroup": "array",
    "hdl.engine.lane.Lane": "lanes",
    "hdl.engine.lanes.RandomState": "lanes",
    "hdl.engine.loss_lane.LossLane": "loss",
    "hdl.engine.memory.BankAddresses": "memory",
    "hdl.engine.tiles.Tiles": "sequencer",
    "hdl.link.judge.HeaderJudge": "endpoint",
    "hdl.link.receive.PacketBuffer": "endpoint",
    "hdl.link.session.Session": "endpoint",
    "hdl.link.transmit.Transmitter": "endpoint",
    "hdl.link.window.ReceiveWindow": "endpoint",
    "hdl.link.uart.UartReceiver": "uart",
    "hdl.link.uart.UartTransmitter": "uart",
    "hdl.link.ethernet.compose.Compose": "ethernet",
    "hdl.link.ethernet.crossing.ReceiveCrossing": "ethernet",
    "hdl.link.ethernet.crossing.TransmitCrossing": "ethernet",
    "hdl.link.ethernet.dispatch.Dispatch": "ethernet",
    "hdl.link.ethernet.frame_judge.FrameJudge": "ethernet",
    "hdl.link.ethernet.frame_ring.FrameRing": "ethernet",
    "hdl.link.ethernet.frame_store.FrameStore": "ethernet",
    "hdl.link.ethernet.mac_receive.MacReceive": "ethernet",
    "hdl.link.ethernet.mac_transmit.MacTransmit": "ethernet",
}
"""Components without a row: the unit whose twin, bench and cost are theirs too, for what they do shows only there."""

PROOFS = {
    "hdl.link.cobs.CobsDecoder": "test_uart_proof.py",
    "hdl.link.cobs.CobsEncoder": "test_uart_proof.py",
    "hdl.link.uart.UartReceiver": "test_uart_proof.py",
    "hdl.link.uart.UartTransmitter": "test_uart_proof.py",
    "hdl.link.judge.HeaderJudge": "test_session_proof.py",
    "hdl.link.session.Session": "test_session_proof.py",
    "hdl.link.receive.PacketBuffer": "test_packet_buffer_proof.py",
    "hdl.link.window.ReceiveWindow": "test_window_proof.py",
    "hdl.link.ethernet.frame_ring.FrameRing": "test_frame_ring_proof.py",
}
"""Components with a formal proof, a file of ``tests/formal``."""
