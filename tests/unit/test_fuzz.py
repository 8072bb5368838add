"""Every reader of foreign bytes against some damage, and against all that was ever found."""

import random

import pytest
from fuzz.run import FOUND, Failure, try_case
from fuzz.targets import TARGETS, Target

CASES = 300
SIMULATED_CASES = 5
BY_NAME = {target.name: target for target in TARGETS}
IN_PROCESS = [target for target in TARGETS if target.name != "lying-host"]


@pytest.mark.parametrize("target", IN_PROCESS, ids=lambda target: target.name)
def test_damage_is_survived(target: Target) -> None:
    rng = random.Random(1)
    cases = SIMULATED_CASES if target.name == "lying-board" else CASES
    taken = [try_case(target, target.mutate(rng, target.seeds)) for _ in range(cases)]
    assert len(taken) == cases


@pytest.mark.parametrize("target", IN_PROCESS, ids=lambda target: target.name)
def test_what_is_not_damaged_is_taken(target: Target) -> None:
    assert all(try_case(target, seed) for seed in target.seeds if target.name != "lying-board")


@pytest.mark.parametrize("path", sorted(FOUND.glob("*.*")), ids=lambda path: path.name)
def test_what_was_found_once_is_survived(path: object) -> None:
    name = path.name.partition(".")[0]  # type: ignore[attr-defined]
    try_case(BY_NAME[name], path.read_bytes())  # type: ignore[attr-defined]


def fails(data: bytes) -> None:
    raise KeyError(len(data))


def speaks_in_lines(data: bytes) -> None:
    raise ValueError("one\ntwo")


@pytest.mark.parametrize("read", [fails, speaks_in_lines])
def test_a_reader_that_does_neither_is_found(read: object) -> None:
    with pytest.raises(Failure, match=r"^broken: "):
        try_case(Target("broken", read, (b"",), (ValueError,)), b"abc")  # type: ignore[arg-type]
