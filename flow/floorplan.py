"""Where the multipliers of an engine lie: a row of processing elements to a block of DSP sites, in the order of sums.

The placer does not see that the products of a column meet in one chain of sums; left alone it mixes rows and columns.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from deep3.cost_model.devices import Device, MultiplierSites
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.geometry import group_widths

from .tools import ToolError

__all__ = ["FloorplanError", "multiplier_sites", "place_multipliers"]

BLOCK_SITES = ((0, "MULT18_0"), (1, "MULT18_1"), (4, "MULT18_4"), (5, "MULT18_5"))
"""Multipliers of an ECP5's DSP block: columns from its own, names in nextpnr."""

MULTIPLIER = re.compile(r"\b(group_\d+\.multiplier_\d+_\d+|lanes_\d+\.lane_\d+)\.")
"""In the path of a cell: `hdl.engine.array.ColumnGroup` or `hdl.engine.lanes.PostLanes`."""

Block = list[str]


class FloorplanError(ToolError):
    """A netlist whose multipliers are not those of its engine."""


def multiplier_sites(config: EngineConfig, device: Device) -> dict[str, str]:
    """The site of each multiplier.

    A column group follows its sums through neighbouring blocks: one for the elements of a row, which share their
    streamed operand, and one for its post lanes. Groups have a row of blocks each where there are enough, else each
    follows the one before, there and back; where there are too few blocks to leave sites of them empty, none is.

    Parameters
    ----------
    config
        The engine.
    device
        Has at least as many multipliers.

    Returns
    -------
    dict
        Site in nextpnr, as ``X4/Y10/MULT18_0``, by ``group_G.multiplier_ROW_COLUMN`` and ``lanes_G.lane_COLUMN``.
        Nothing, where the device file has no sites: then the placer is free.
    """
    sites = device.multiplier_sites
    if sites is None:
        return {}
    groups = [list(_rows(config, group, width)) for group, width in enumerate(group_widths(config.columns))]
    lines = [_line(sites, y) for y in sites.rows]
    blocks_needed = config.rows + 1
    if len(groups) <= len(lines) and blocks_needed <= len(sites.blocks):
        first = (len(sites.blocks) - blocks_needed) // 2
        pairs = zip(groups, lines, strict=False)
        return dict(chain.from_iterable(_matched(group, line[first:]) for group, line in pairs))
    rows = list(chain.from_iterable(groups))
    blocks = list(chain.from_iterable(line if index % 2 == 0 else line[::-1] for index, line in enumerate(lines)))
    if len(rows) <= len(blocks):
        return dict(_matched(rows, blocks))
    return dict(_matched([list(chain.from_iterable(rows))], [list(chain.from_iterable(blocks))]))


def place_multipliers(netlist: Path, top: str, sites: dict[str, str]) -> None:
    """Write sites, if any, into a netlist, where nextpnr reads them.

    Parameters
    ----------
    netlist, top
        JSON of Yosys, and its module.
    sites
        From `multiplier_sites`.

    Raises
    ------
    FloorplanError
        When a multiplier is not one of the engine.
    """
    if not sites:
        return
    document = json.loads(netlist.read_text())
    for name, cell in document["modules"][top]["cells"].items():
        if cell["type"] == "MULT18X18D":
            found = MULTIPLIER.search(name)
            if found is None or found[1] not in sites:
                raise FloorplanError(f"multiplier {name} is neither in the array nor in a post lane of the engine")
            cell["attributes"]["BEL"] = sites[found[1]]
    netlist.write_text(json.dumps(document))


def _rows(config: EngineConfig, group: int, width: int) -> Iterator[Block]:
    for row in range(config.rows):
        yield [f"group_{group}.multiplier_{row}_{column}" for column in range(width)]
    yield [f"lanes_{group}.lane_{column}" for column in range(width)]


def _line(sites: MultiplierSites, y: int) -> list[Block]:
    return [[f"X{x + column}/Y{y}/{name}" for column, name in BLOCK_SITES] for x in sites.blocks]


def _matched(rows: Iterable[Block], blocks: Iterable[Block]) -> Iterator[tuple[str, str]]:
    for row, block in zip(rows, blocks, strict=False):
        yield from zip(row, block, strict=False)
