"""Runs of positions: every position once, with exactly the windows that cover it."""

from hypothesis import given
from hypothesis import strategies as st

from deep3.compiler.convolution.windows import runs


@given(
    size=st.integers(1, 20), kernel=st.integers(1, 7), stride=st.integers(1, 4), padding=st.integers(0, 5),
    pool=st.sampled_from([1, 2]), data=st.data(),
)  # fmt: skip
def test_runs_hold_every_position_with_its_windows(
    size: int, kernel: int, stride: int, padding: int, pool: int, data: st.DataObject
) -> None:
    windows = pool * data.draw(st.integers(1, 1 + (size + 2 * padding) // (pool * stride)))
    found: dict[int, tuple[list[tuple[int, int]], tuple[int, ...]]] = {}
    for run in runs(size, kernel, stride, padding, windows, pool, lambda window: window // 3):
        groups = set()
        for side in range(run.sides):
            for index in range(run.count):
                position = run.first + side * run.side_first + index * run.step
                # A position moves on by whole windows.
                assert not run.taps or run.step % stride == 0
                window = run.window + side * run.side_window + index * run.step // stride
                place = run.place + side * run.side_place
                assert position not in found
                found[position] = [(window - tap, place + tap * stride) for tap in range(run.taps)], run.label
                groups.add(window % pool)
        assert run.taps < 2 or len(groups) == 1
    for position in range(size):
        covering = [(window, position + padding - window * stride) for window in reversed(range(windows))]
        covering = [(window, place) for window, place in covering if 0 <= place < kernel]
        assert found.pop(position) == (covering, tuple(window // 3 for window, _ in covering))
    assert not found


def test_borders_are_the_sides_of_one_run() -> None:
    left_and_right, next_to_them, inside = runs(32, 5, 1, 2, 32)
    assert (left_and_right.taps, left_and_right.sides, left_and_right.side_first) == (3, 2, 31)
    assert (next_to_them.taps, next_to_them.sides, next_to_them.side_first) == (4, 2, 29)
    assert (inside.taps, inside.sides, inside.count, inside.first) == (5, 1, 28, 2)


def test_positions_that_no_window_covers_have_no_taps() -> None:
    found = runs(7, 1, 3, 0, 3)
    assert sum(run.sides * run.count for run in found if not run.taps) == 4
