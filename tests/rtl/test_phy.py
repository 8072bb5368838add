"""PHY adapters: RTL against their twins and the models of cocotbext-eth."""

import pytest
from amaranth.lib import wiring

from deep3.hdl.phy.gmii import Gmii
from deep3.hdl.phy.mdio import Mdio, mdc_half_cycles
from deep3.hdl.phy.mii import Mii
from deep3.hdl.phy.reset import RESET_SECONDS, PhyReset
from deep3.sim.bench.phy.phy import RgmiiOnBoard
from deep3.sim.bench.runner import run_bench


@pytest.mark.parametrize(("kind", "component"), [("rgmii", RgmiiOnBoard()), ("gmii", Gmii()), ("mii", Mii())])
def test_adapter_equals_its_twin(kind: str, component: wiring.Component) -> None:
    run_bench(component, "deep3.sim.bench.phy.phy", seed=5, kind=kind)


@pytest.mark.parametrize("address", [0, 3])
def test_status_of_the_first_phy_that_answers(address: int) -> None:
    clock_hz = 20_000_000
    half_cycles = mdc_half_cycles(clock_hz)
    run_bench(Mdio(clock_hz), "deep3.sim.bench.phy.mdio", seed=7, address=address, half_cycles=half_cycles)


def test_a_clock_too_slow_for_the_wire_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^clock_hz must be at least 10000000, not 9999999$"):
        Mdio(9_999_999)


@pytest.mark.parametrize("clock_hz", [1000, 1600])
def test_reset_of_the_phy(clock_hz: int) -> None:
    run_bench(PhyReset(clock_hz), "deep3.sim.bench.phy.reset", seed=1, cycles=round(clock_hz * RESET_SECONDS))
