"""Levels as time and outer tiles: every step once, within what an engine walks."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deep3.compiler.convolution.loops import Level, Loop, Split, Strides, splits
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.nest import DEEP, back

levels = st.builds(Level, st.integers(1, 4), st.builds(Strides, *[st.integers(-99, 99)] * 5))


def reached(loop: Loop, walk: str) -> list[int]:
    """Where a walk is in every step of a loop."""
    return [back(step, loop.ends[:-1], loop.along(walk)) for step in range(loop.count)]


def steps_of(split: Split, walk: str) -> list[int]:
    start = getattr(split.start, walk)
    return [start + a + b for a, b in product(reached(split.time, walk), reached(split.outer, walk))]


@settings(max_examples=60)
@given(
    free=st.lists(levels, max_size=3), fixed=st.lists(levels, max_size=3), window=st.sampled_from([(), (2,), (2, 3)]),
    accumulator_words=st.sampled_from([16, 64]), tile_width=st.integers(1, 9),
)  # fmt: skip
def test_splits_walk_every_step_once(
    free: list[Level], fixed: list[Level], window: tuple[int, ...], accumulator_words: int, tile_width: int
) -> None:
    config = EngineConfig(accumulator_words=accumulator_words, convolution=True)
    inside = Loop()
    for count in window:
        inside = inside.then(Level(count, Strides(stream=1000)))
    found = splits(free, fixed, config, tile_width, inside)
    for split in found:
        assert len(split.time.ends) <= DEEP.time
        assert len(split.outer.ends) <= DEEP.outer
        assert split.time.count <= accumulator_words
        assert split.time.ends[: len(window)] == inside.ends
    for walk in Strides._fields:
        steps = [range(level.steps) for level in (*free, *fixed)] + [range(count) for count in window]
        strides = [getattr(level.strides, walk) for level in (*free, *fixed)]
        strides += [1000 if walk == "stream" else 0] * len(window)
        everything = sorted(sum(a * b for a, b in zip(step, strides, strict=True)) for step in product(*steps))
        assert sorted(place for split in found for place in steps_of(split, walk)) == everything


def test_time_is_long_enough_to_load_a_tile() -> None:
    config = EngineConfig(accumulator_words=16, convolution=True)
    (split,) = splits([Level(3, Strides(1)), Level(8, Strides(10))], [], config, tile_width=8)
    assert (split.time.count, split.outer.count) in [(8, 3), (12, 2)]
    assert split.tiles_cycles(8) == 24


@pytest.mark.parametrize("count", [1, 5])
def test_a_level_that_ends_early(count: int) -> None:
    loop = Loop().then(Level(2, Strides(1))).until(count, Strides(10))
    assert reached(loop, "stream") == [0, 1, 10, 11, 20][:count]
