"""The choice by validation error and cost: the cheapest as good as dearer ones, and no more tried than needed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep3.cost_model.local_network import GlobalNetwork, LocalNetwork, chain
from deep3.host.projection.errors import ProjectionError
from deep3.host.projection.feedback import choose, lengths


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.floats(0, 0.1), st.integers(1, 4))
def test_nothing_dearer_that_was_tried_is_better_by_the_gain(errors: list[float], gain: float, patience: int) -> None:
    search = choose(range(len(errors)), float, lambda index: errors[index], gain, patience)
    assert search.best is not None
    tried = [candidate for candidate, _ in search.tried]
    assert tried == list(range(len(tried)))
    assert all(errors[other] >= errors[search.best] - gain for other in tried if other > search.best)
    assert all(errors[other] > errors[search.best] for other in tried if other < search.best) or gain == 0
    # It ends by its patience or with the last.
    assert len(tried) == len(errors) or len(tried) - 1 - search.best == patience


def test_length_and_local_topology_are_chosen_together_by_the_cost_of_a_step() -> None:
    networks = chain(GlobalNetwork(617, (200,), 26))

    def error(local: LocalNetwork) -> float:
        return 0.05 + 0.3 * max(0.0, 1 - local.embedding / 150) + 0.3 * max(0.0, 1 - local.sizes[1] / 50)

    search = choose(networks, lambda local: float(local.edges), error, least_gain=0.002)
    assert search.best is not None
    assert error(search.best) < 0.06
    cheaper = [local for local in networks if local.edges < search.best.edges]
    assert all(error(local) > error(search.best) for local in cheaper)
    assert len(search.tried) < len(networks)


def test_lengths_grow_by_a_quarter() -> None:
    assert lengths(19) == [8, 10, 12, 15, 19]
    assert lengths(24)[:-1] == lengths(23) == lengths(19)
    assert lengths(7) == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: choose([], float, float), "there must be a candidate to choose"),
        (lambda: choose([3], float, float), "a validation error must be between 0 and 1, not 3.0"),
        (lambda: choose([3], float, lambda _: float("nan")), "a validation error must be between 0 and 1, not nan"),
        (lambda: choose([1], float, float, least_gain=1.0), "least gain must be between 0 and 1, not 1.0"),
        (lambda: choose([1], float, float, patience=0), "patience must be 1 or more, not 0"),
    ],
)
def test_what_is_no_choice(call: "object", message: str) -> None:
    with pytest.raises(ProjectionError) as caught:
        call()  # type: ignore[operator]
    assert str(caught.value) == message
