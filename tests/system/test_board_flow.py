"""The open flow on a tiny design, pins and all; the top level of every family, down to the ports of vendor cells."""

import re
from pathlib import Path

import pytest
from amaranth import ClockDomain, ClockSignal, Elaboratable, Module, Signal
from amaranth.back import rtlil
from amaranth.lib import wiring
from amaranth.lib.cdc import ResetSynchronizer
from amaranth.lib.wiring import In, Out

from deep3.cost_model.boards import load_board
from deep3.flow.pin_file import pins_of
from deep3.flow.synthesis import pack_ecp5, route_ecp5, synthesise_ecp5
from deep3.flow.tools import ToolError, run_tool
from deep3.hdl.board import top as board_top
from deep3.hdl.board.top import BoardTop
from deep3.hdl.cells.clocking import ClockOutput, Pll
from deep3.hdl.cells.pads import InputDelay
from deep3.hdl.cells.verilog import to_verilog
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.target import Target
from deep3.hdl.link.ethernet.phy_bytes import PhyReceive, PhyTransmit
from deep3.hdl.phy.rgmii import Rgmii

SMALL = EngineConfig(
    rows=2, columns=2, activation_bank_words=1024, weight_bank_words=1024, error_bank_words=1024, loss_unit=False
)
ADDRESSES = {"mac": "02:d3:00:00:00:01", "ip": "192.168.1.50", "port": 54321}
TARGETS = {"ecp5": Target.ECP5, "xilinx7": Target.XILINX, "virtex6": Target.VIRTEX6}


class EchoTop(wiring.Component):
    """Takes the place of an engine with its network stack: bytes that come go."""

    def __init__(self, *_: object) -> None:
        super().__init__({"phy_rx": In(PhyReceive()), "phy_tx": Out(PhyTransmit()), "busy": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += [self.phy_tx.valid.eq(self.phy_rx.valid), self.phy_tx.data.eq(self.phy_rx.data)]
        m.d.sync += self.busy.eq(self.phy_rx.error & self.phy_rx.enable & self.phy_tx.enable)
        return m


class WireTop(wiring.Component):
    """Takes the place of an engine with its serial port."""

    def __init__(self, *_: object) -> None:
        super().__init__({"rx": In(1), "tx": Out(1), "busy": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.sync += [self.tx.eq(self.rx), self.busy.eq(~self.rx)]
        return m


class ClockLoop(Elaboratable):
    """A PLL whose clock leaves by the pins of an RGMII PHY, and counts what comes in."""

    def __init__(self) -> None:
        board = load_board("ecpix5-85f")
        assert board.ethernet is not None
        self.clock = board.clock
        self.phy = Rgmii(rx_delay_ps=100, tx_delay_ps=board.ethernet.tx_delay_ps)
        names = {"clk": 1, "eth_rx_clk": 1, "eth_rx_ctl": 1, "eth_rx_data": 4}
        names |= {"eth_tx_clk": 1, "eth_tx_ctl": 1, "eth_tx_data": 4, "led": 2}
        self.pins = {name: Signal(width, name=name) for name, width in names.items()}

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.pll = pll = Pll(self.clock.input_hz, (ClockOutput(self.clock.sync_hz),))
        m.submodules.phy = phy = self.phy
        for name, clock in (("eth_tx", pll.clk[0]), ("eth_rx", self.pins["eth_rx_clk"])):
            m.domains += ClockDomain(name)
            m.d.comb += ClockSignal(name).eq(clock)
            m.submodules += ResetSynchronizer(~pll.locked, domain=name)
        m.d.comb += pll.clk_in.eq(self.pins["clk"])
        for name in ("rx_ctl", "rx_data"):
            m.d.comb += getattr(phy, name).eq(self.pins[f"eth_{name}"])
        for name in ("tx_clk", "tx_ctl", "tx_data"):
            m.d.comb += self.pins[f"eth_{name}"].eq(getattr(phy, name))
        seen = Signal(2)
        with m.If(phy.rx.valid):
            m.d.eth_rx += seen.eq(seen + phy.rx.data.xor() + phy.rx.error)
        count = Signal(8)
        m.d.eth_tx += count.eq(count + 1)
        m.d.comb += [self.pins["led"].eq(seen), phy.tx.valid.eq(count[-1]), phy.tx.data.eq(count)]
        return m


def check_cells(source: str, family: str, folder: Path) -> None:
    """Yosys knows the ports of the vendors' cells."""
    libraries = ["cells_sim", "cells_bb"] if family == "ecp5" else ["cells_sim", "cells_xtra"]
    vendor = "ecp5" if family == "ecp5" else "xilinx"
    (folder / "deep3.v").write_text(source)
    read = " ".join(f"+/{vendor}/{library}.v" for library in libraries)
    script = f"read_verilog -lib {read}; read_verilog deep3.v; hierarchy -check -top deep3"
    run_tool("yosys", ["-q", "-p", script], folder, "log")


@pytest.mark.parametrize("family", sorted(TARGETS))
def test_delay_cells_have_their_ports(tmp_path: Path, family: str) -> None:
    check_cells(to_verilog(InputDelay(2, 2000), TARGETS[family], "deep3"), family, tmp_path)


def test_a_port_that_a_cell_does_not_have_is_found(tmp_path: Path) -> None:
    source = "module deep3(input i, output o); IDELAYE2 d(.BOGUS(i), .DATAOUT(o)); endmodule"
    with pytest.raises(ToolError, match="BOGUS"):
        check_cells(source, "xilinx7", tmp_path)


def test_pins_may_be_left_to_the_placer(tmp_path: Path) -> None:
    source = "module tiny(input clk, input d, output reg q); reg r; always @(posedge clk) {q, r} <= {r, d}; endmodule"
    netlist = synthesise_ecp5(source, "tiny", tmp_path)
    before = set(tmp_path.iterdir())
    routed = route_ecp5(netlist.netlist, "25F", 6, "CABGA256", 125e6, 1, print)
    assert routed.utilisation["TRELLIS_FF"][0] == 2
    assert set(tmp_path.iterdir()) == before


def test_a_tiny_design_becomes_a_bitstream(tmp_path: Path) -> None:
    board = load_board("ecpix5-85f")
    design = ClockLoop()
    source = to_verilog(design, Target.ECP5, "tiny", list(design.pins.values()))
    netlist = synthesise_ecp5(source, "tiny", tmp_path)
    assert {name: netlist.cells[name] for name in ("IDDRX1F", "ODDRX1F", "DELAYG", "EHXPLLL")} == {
        "IDDRX1F": 5, "ODDRX1F": 6, "DELAYG": 6, "EHXPLLL": 1,
    }  # fmt: skip
    (tmp_path / "pins.lpf").write_text(pins_of(board.pin_file.read_text(), ".lpf", set(design.pins)))
    (tmp_path / "out").mkdir()
    # Both devices have these pins, and the smaller one is routed sooner.
    routed = route_ecp5(netlist.netlist, "LFE5UM5G-45F", 8, board.package, 125e6, 1, print, pins="pins.lpf", keep="out")
    assert len(routed.clocks) == 2
    assert {wanted for _, wanted in routed.clocks.values()} == {125e6}
    assert routed.utilisation["TRELLIS_IO"][0] == sum(len(pin) for pin in design.pins.values())
    config = (tmp_path / "out" / "chip.config").read_text()
    # 2000 ps and 100 ps in taps of 25 ps, bit by bit.
    assert config.count(f"DELAY.DEL_VALUE {80:07b}") == 1
    assert config.count(f"DELAY.DEL_VALUE {4:07b}") == 5
    pack_ecp5(tmp_path / "out", "chip.config", "tiny.bit")
    assert (tmp_path / "out" / "tiny.bit").read_bytes()[:2] == b"\xff\x00"


@pytest.mark.parametrize(
    ("name", "link", "cells"),
    [
        ("ecpix5-85f", "ethernet", {"EHXPLLL": 1, "IDDRX1F": 5, "ODDRX1F": 6, "DELAYG": 1, "BB": 1}),
        ("arty-a7-100", "ethernet", {"MMCME2_BASE": 1, "ODDR": 1, "IOBUF": 1, "BUFG": 2, "BUFGCE": 2}),
        (
            "genesys2", "ethernet",
            {"MMCME2_BASE": 1, "IBUFGDS": 1, "IDDR": 5, "ODDR": 6, "IDELAYE2": 5, "IDELAYCTRL": 1, "IOBUF": 1},
        ),
        ("ml605", "ethernet", {"MMCM_BASE": 1, "IBUFGDS": 1, "BUFR": 1, "ODDR": 1, "IOBUF": 1}),
        ("genesys2", "uart", {"MMCME2_BASE": 1, "IBUFGDS": 1, "BUFGCE": 1}),
    ],
)  # fmt: skip
def test_the_top_of_each_family_has_its_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, link: str, cells: dict[str, int]
) -> None:
    monkeypatch.setattr(board_top, "EthernetTop", EchoTop)
    monkeypatch.setattr(board_top, "UartTop", WireTop)
    board = load_board(name)
    port = board.ethernet if link == "ethernet" else board.uart
    assert port is not None
    top = BoardTop(SMALL, board.clock, board.leds, port, **ADDRESSES)
    source = to_verilog(top, TARGETS[board.family], "deep3", top.ports)
    for cell, count in cells.items():
        assert len(re.findall(rf"^  {cell} (?:#\(|\S+ \()", source, re.MULTILINE)) == count, cell
    check_cells(source, board.family, tmp_path)
    pins = pins_of(board.pin_file.read_text(), board.pin_file.suffix, {pin.name for pin in top.ports})
    for pin in top.ports:
        places = rf'(?:COMP "|get_ports {{|^NET "){pin.name}(?:\[\d\]|<\d>)?["}}](?! TNM)'
        located = len(re.findall(places, pins, re.MULTILINE))
        clocked = pins.count(f"create_clock -name {pin.name} ")
        assert located - clocked == len(pin), pin.name


@pytest.mark.parametrize(("name", "held"), [("ecpix5-85f", True), ("colorlight-5a-75b", False)])
def test_a_phy_that_supplies_the_clock_is_not_reset(monkeypatch: pytest.MonkeyPatch, name: str, held: bool) -> None:
    monkeypatch.setattr(board_top, "EthernetTop", EchoTop)
    board = load_board(name)
    assert board.ethernet is not None
    top = BoardTop(SMALL, board.clock, board.leds, board.ethernet, **ADDRESSES)
    source = to_verilog(top, Target.ECP5, "deep3", top.ports)
    assert ("assign eth_reset_n = 1'h1;" not in source) == held


@pytest.mark.parametrize("link", ["ethernet", "uart"])
def test_the_engine_fits_into_the_top(link: str) -> None:
    board = load_board("ecpix5-85f")
    port = board.ethernet if link == "ethernet" else board.uart
    assert port is not None
    top = BoardTop(SMALL, board.clock, board.leds, port, **ADDRESSES)
    text = rtlil.convert(top, platform=Target.ECP5, ports=top.ports, emit_src=False)
    assert "MULT18X18D" in text
    assert "EHXPLLL" in text
