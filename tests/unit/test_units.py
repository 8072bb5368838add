"""`deep3.sim.units` against the folders: no unit of the gateware without twin, bench and cost, or a reason."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deep3.cost_model.resource_samples import load_samples
from deep3.flow import sample_synthesis
from deep3.sim.units import PARTS, PROOFS, UNITS, Unit

ROOT = Path(__file__).parents[2]
GATEWARE = ("hdl/engine", "hdl/link", "hdl/phy")
NAMES = {unit.name for unit in UNITS}
COMPONENTS = [component for unit in UNITS for component in unit.components]


def components(folder: Path) -> Iterator[str]:
    """Dotted names, below ``deep3``, of the public components defined in a folder."""
    for path in folder.rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.parse(path.read_text("utf-8")).body:
            bases = [ast.unparse(base) for base in node.bases] if isinstance(node, ast.ClassDef) else []
            if "wiring.Component" in bases and not node.name.startswith("_"):
                yield f"{module}.{node.name}"


def found(path: str) -> object:
    module, name = path.rsplit(".", 1)
    return getattr(importlib.import_module(f"deep3.{module}"), name)


def test_every_component_has_a_row_or_is_part_of_one_that_has() -> None:
    there = {name for folder in GATEWARE for name in components(ROOT / folder)}
    assert len(there) > 40
    assert there <= set(COMPONENTS) | set(PARTS)
    for told in (*COMPONENTS, *PARTS, *PROOFS):
        assert isinstance(found(told), type), told
    assert not set(COMPONENTS) & set(PARTS)
    assert set(PROOFS) <= set(COMPONENTS) | set(PARTS)
    assert set(PARTS.values()) <= NAMES
    assert len(NAMES) == len(UNITS)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_has_a_twin_and_a_bench_of_its_name_that_a_test_runs(unit: Unit) -> None:
    assert unit.twin or unit.note
    if unit.twin:
        assert callable(found(unit.twin))
        assert unit.twin.split(".")[-2] == unit.name
        assert unit.components[0].split(".")[-2] in (unit.name, f"{unit.name}_link")
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests" / "rtl").glob("test_*.py"))
    for bench in unit.benches:
        source = (ROOT / Path(*bench.split("."))).with_suffix(".py").read_text("utf-8")
        assert "@cocotb.test()" in source
        assert f'"deep3.{bench}"' in tests
    assert unit.benches


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_has_a_cost_or_says_where_it_is(unit: Unit) -> None:
    own = unit.cost.replace(" ", "_") == unit.name
    assert own or unit.note
    if unit.cost:
        assert unit.cost in sample_synthesis.UNITS
        assert any(sample.unit == unit.cost for sample in load_samples())


def test_every_cost_has_a_unit_of_its_name() -> None:
    assert {cost.replace(" ", "_") for cost in sample_synthesis.UNITS} <= NAMES


@pytest.mark.parametrize(("component", "proof"), PROOFS.items())
def test_a_proof_is_about_its_component(component: str, proof: str) -> None:
    source = (ROOT / "tests" / "formal" / proof).read_text("utf-8")
    module, name = component.rsplit(".", 1)
    assert re.search(rf"from deep3\.{re.escape(module)} import .*\b{name}\b", source)


def test_every_proof_is_in_the_table() -> None:
    assert {path.name for path in (ROOT / "tests" / "formal").glob("test_*.py")} == set(PROOFS.values())
