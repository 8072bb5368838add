"""The floorplan of the multipliers: each on a site of its own, rows of an engine kept together."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep3.cost_model.devices import Device, device_names, load_device
from deep3.cost_model.resources import multipliers
from deep3.flow.floorplan import FloorplanError, multiplier_sites, place_multipliers
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.geometry import group_widths

PLACED = [device for name in device_names() if (device := load_device(name)).multiplier_sites is not None]


def engine(rows: int, columns: int) -> EngineConfig:
    return EngineConfig(rows=rows, columns=columns)


def block_of(site: str, device: Device) -> tuple[int, int]:
    assert device.multiplier_sites is not None
    found = re.fullmatch(r"X(\d+)/Y(\d+)/MULT18_[0145]", site)
    assert found
    x, y = int(found[1]), int(found[2])
    assert y in device.multiplier_sites.rows
    (block,) = (start for start in device.multiplier_sites.blocks if x - start in (0, 1, 4, 5))
    return block, y


@pytest.mark.parametrize("device", PLACED, ids=lambda device: device.key)
def test_blocks_hold_the_multipliers_of_the_device(device: Device) -> None:
    sites = device.multiplier_sites
    assert sites is not None
    assert 4 * len(sites.rows) * len(sites.blocks) == device.multiplier.count


@given(st.sampled_from(PLACED), st.integers(2, 16), st.integers(2, 16))
def test_every_multiplier_has_a_site_of_its_own(device: Device, rows: int, columns: int) -> None:
    config = engine(rows, columns)
    if multipliers(config) > device.multiplier.count:
        return
    sites = multiplier_sites(config, device)
    assert len(sites) == len(set(sites.values())) == multipliers(config)
    blocks = {name: block_of(site, device) for name, site in sites.items()}
    rows_of_groups = (rows + 1) * len(group_widths(columns))
    if 4 * rows_of_groups <= device.multiplier.count:
        for group, width in enumerate(group_widths(columns)):
            for row in range(rows):
                assert len({blocks[f"group_{group}.multiplier_{row}_{column}"] for column in range(width)}) == 1


@pytest.mark.parametrize(
    ("device", "shape"), [("ecp5-85f", (12, 12)), ("ecp5-45f", (8, 8))], ids=["85F 12x12", "45F 8x8"]
)
def test_sums_walk_along_a_row_of_blocks(device: str, shape: tuple[int, int]) -> None:
    """Every multiplier is used, a column group to a row of blocks, its post lanes at the end of the sums."""
    found = load_device(device)
    sites = multiplier_sites(engine(*shape), found)
    assert len(sites) == found.multiplier.count
    assert found.multiplier_sites is not None
    for group, y in enumerate(found.multiplier_sites.rows):
        names = [f"group_{group}.multiplier_{row}_0" for row in range(shape[0])] + [f"lanes_{group}.lane_0"]
        assert [block_of(sites[name], found) for name in names] == [(x, y) for x in found.multiplier_sites.blocks]


def test_a_device_without_sites_leaves_the_placer_free(tmp_path: Path) -> None:
    assert multiplier_sites(engine(4, 4), load_device("artix7-100t")) == {}
    netlist = tmp_path / "top.json"
    netlist.write_text("as it was")
    place_multipliers(netlist, "top", {})
    assert netlist.read_text() == "as it was"


def written(tmp_path: Path, *cells: tuple[str, str]) -> Path:
    netlist = tmp_path / "top.json"
    content = {name: {"type": kind, "attributes": {}} for name, kind in cells}
    netlist.write_text(json.dumps({"modules": {"top": {"cells": content}}}))
    return netlist


def test_sites_are_written_where_nextpnr_reads_them(tmp_path: Path) -> None:
    sites = multiplier_sites(engine(4, 4), load_device("ecp5-25f"))
    name = "system.engine.columns.array.group_0.multiplier_2_1.hard.mult"
    lane = "system.engine.columns.lanes_0.lane_3.multiplier.hard.mult"
    netlist = written(tmp_path, (name, "MULT18X18D"), (lane, "MULT18X18D"), ("flag", "TRELLIS_FF"))
    place_multipliers(netlist, "top", sites)
    cells = json.loads(netlist.read_text())["modules"]["top"]["cells"]
    assert cells[name]["attributes"] == {"BEL": sites["group_0.multiplier_2_1"]}
    assert cells[lane]["attributes"] == {"BEL": sites["lanes_0.lane_3"]}
    assert cells["flag"]["attributes"] == {}


@pytest.mark.parametrize("name", ["system.product", "system.array.group_9.multiplier_0_0.mult"])
def test_a_strange_multiplier_is_named(tmp_path: Path, name: str) -> None:
    netlist = written(tmp_path, (name, "MULT18X18D"))
    with pytest.raises(FloorplanError, match=re.escape(name)):
        place_multipliers(netlist, "top", multiplier_sites(engine(4, 4), load_device("ecp5-25f")))
