"""The list of gateware faults: each can be put in, and every unit has one that a test of its own must notice."""

from pathlib import Path

import pytest
from mutants.gateware import GATEWARE_MUTATIONS, GatewareMutation

from deep3.sim.units import UNITS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mutation", GATEWARE_MUTATIONS, ids=lambda mutation: f"{mutation.unit}: {mutation.before}")
def test_a_fault_can_be_put_in_and_its_test_is_there(mutation: GatewareMutation) -> None:
    faulty = mutation.applied(ROOT)
    assert faulty != (ROOT / mutation.file).read_text("utf-8")
    compile(faulty, mutation.file, "exec")
    assert (ROOT / mutation.test).is_file()


def test_every_unit_has_a_fault() -> None:
    assert {mutation.unit for mutation in GATEWARE_MUTATIONS} == {unit.name for unit in UNITS}


def test_a_fault_whose_place_is_gone_is_named() -> None:
    gone = GatewareMutation("walker", "hdl/engine/walker.py", "no such text", "", "")
    with pytest.raises(LookupError, match=r"^hdl/engine/walker.py must contain 'no such text' once, not 0 times$"):
        gone.applied(ROOT)
