"""How learning rates fall over a run."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep3.host.global_network.learning_rate import SCHEDULES, learning_rate


def test_the_rate_falls_in_powers_of_two_towards_a_tenth() -> None:
    rates = [learning_rate(0.1, 0.25, progress) for progress in np.linspace(0, 1, 101)]
    assert rates[0] == 0.4
    assert sorted(set(rates), reverse=True) == [0.4, 0.2, 0.1, 0.05]
    assert rates == sorted(rates, reverse=True)
    # log2(10) = 3.32 halvings: the first after 15.05 % of the run, one more every 30.1 %.
    assert [rates.count(rate) for rate in (0.4, 0.2, 0.1, 0.05)] == [16, 30, 30, 25]


@pytest.mark.parametrize(
    ("schedule", "middle", "last"),
    [("constant", 0.4, 0.4), ("linear", 0.202, 0.004), ("cosine", 0.202, 0.004), ("step", 0.1, 0.05)],
)
def test_a_schedule_begins_with_the_rate_over_the_ratio(schedule: str, middle: float, last: float) -> None:
    rates = [learning_rate(0.1, 0.25, progress, schedule) for progress in (0, 0.5, 1)]
    assert rates == pytest.approx([0.4, middle, last])


def test_cosine_is_flat_at_both_ends_and_linear_is_not() -> None:
    ends = ((0, 0.01), (0.99, 1))
    for schedule, flat in (("cosine", True), ("linear", False)):
        falls = [learning_rate(1, 1, a, schedule) - learning_rate(1, 1, b, schedule) for a, b in ends]
        assert all((0 < fall < 0.001) is flat for fall in falls)


@given(st.sampled_from(sorted(SCHEDULES)), st.floats(0, 1), st.floats(0, 1))
def test_no_schedule_rises_or_reaches_nothing(schedule: str, one: float, other: float) -> None:
    earlier, later = (learning_rate(1, 1, progress, schedule) for progress in sorted((one, other)))
    assert 1 >= earlier >= later > 0
