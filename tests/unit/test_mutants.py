"""The runner of mutants: what it draws, what it tells apart, and that its lists are those of the code."""

import random
from pathlib import Path

import pytest
from mutants.equivalents import EQUIVALENTS
from mutants.modules import MODULES, ROOT
from mutants.mutations import Mutation, draw, mutate
from mutants.report import kill_rate
from mutants.trial import Outcome, copy_tree, mutated, run_tests

UNIT = '''"""A unit."""

LIMIT = 3


def below(value: "int | None") -> bool:
    while False:
        return True
    return value < LIMIT
'''
TEST = """from unit import below

def test_below():
    assert below(2)
    assert not below(5)
"""


def test_every_module_and_its_tests_exist() -> None:
    paths = [*MODULES, *(test for tests in MODULES.values() for test in tests)]
    assert [path for path in paths if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize("one", EQUIVALENTS, ids=lambda one: f"{one.module}: {one.before}")
def test_what_is_called_equivalent_is_a_line_of_its_module(one: object) -> None:
    lines = [line.strip() for line in (ROOT / one.module).read_text("utf-8").splitlines()]  # type: ignore[attr-defined]
    assert one.module in MODULES  # type: ignore[attr-defined]
    assert one.before in lines  # type: ignore[attr-defined]
    assert one.before not in one.after  # type: ignore[attr-defined]


def test_a_place_is_mutated_once_and_the_seed_decides_how() -> None:
    def mutations(seed: int) -> list[Mutation]:
        found = [mutate(place, UNIT) for place in draw("unit.py", UNIT, random.Random(seed))]
        return [one for one in found if one is not None]

    drawn = mutations(1)
    assert drawn == mutations(1)
    assert {one.after for one in drawn} != {one.after for one in mutations(2)}
    befores = sorted(one.before for one in drawn)
    # The constant; the condition by negation and by value; the result by value and by comparison. No annotation.
    assert befores == ["LIMIT = 3", "return True", "return value < LIMIT", "while False:", "while False:"]
    assert all(one.after == one.source.splitlines()[one.line - 1].strip() != one.before for one in drawn)


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        ("value < LIMIT", "value < LIMIT", Outcome.SURVIVED),
        ("LIMIT = 3", "LIMIT = 4", Outcome.SURVIVED),
        ("value < LIMIT", "value > LIMIT", Outcome.KILLED),
        ("LIMIT = 3", "LIMIT = None()", Outcome.KILLED),
        ("while False:\n        return True", "while True:\n        pass", Outcome.TIMED_OUT),
    ],
)
def test_outcomes_are_told_apart(tmp_path: Path, before: str, after: str, outcome: Outcome) -> None:
    source, tree = tmp_path / "source", tmp_path / "tree"
    (source / "build").mkdir(parents=True)
    (source / "unit.py").write_text(UNIT)
    (source / "test_unit.py").write_text(TEST)
    (source / "link").symlink_to("unit.py")
    copy_tree(source, tree)
    assert not (tree / "build").exists()
    assert (tree / "link").readlink() == Path("unit.py")
    with mutated(tree / "unit.py", UNIT.replace(before, after)):
        found, _ = run_tests(tree, ("test_unit.py",), 5, tmp_path / "log")
    assert found is outcome, (tmp_path / "log").read_text()
    assert (tree / "unit.py").read_text() == UNIT


def test_the_rate_counts_what_was_noticed_and_leaves_equivalents_out() -> None:
    mutation = Mutation("unit.py", "core/AddNot", 1, "a", "b", "b")
    outcomes = ["killed", "killed", "timed out", "survived", "equivalent", "equivalent"]
    assert kill_rate([(mutation, outcome) for outcome in outcomes]) == 0.75
    assert kill_rate([]) == 1
