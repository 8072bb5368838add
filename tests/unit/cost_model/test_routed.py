"""Shapes that were routed: which boards they speak for, and that sizing keeps to them."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep3.cost_model.boards import RoutedShape, board_names, load_board
from deep3.cost_model.design import Task
from deep3.cost_model.devices import load_device
from deep3.cost_model.engine_choice import geometries
from deep3.cost_model.local_network import GlobalNetwork
from deep3.cost_model.routed import Evidence, evidence_of, routed_shapes
from deep3.cost_model.sizing import size

PAPER = (GlobalNetwork(200, (1000, 300), 9), GlobalNetwork(5625, (3000, 500), 19), GlobalNetwork(617, (200,), 26))
shapes = st.lists(
    st.builds(RoutedShape, st.integers(2, 16), st.integers(2, 16), st.just(125_000_000), st.booleans()), max_size=4
)


def test_a_shape_speaks_for_every_board_with_its_part_and_no_other() -> None:
    found = {
        name: [(shape.rows, shape.columns) for shape in routed_shapes(load_board(name))] for name in board_names()
    }
    assert set(found["ecpix5-85f"]) == set(found["butterstick"]) == {(12, 12), (16, 8)}
    assert set(found["ecpix5-45f"]) == set(found["versa-ecp5-5g"]) == {(8, 8)}
    # Its 4x4 came to 124.8 MHz, which is no evidence for 125.
    assert found["colorlight-5a-75b"] == []
    assert found["arty-a7-100"] == found["genesys2"] == found["ml605"] == []


def test_a_shape_speaks_for_no_faster_clock() -> None:
    board = load_board("ecpix5-85f")
    slow = replace(board, clock=replace(board.clock, sync_hz=150_000_000))
    fast = replace(board, clock=replace(board.clock, sync_hz=160_000_000))
    assert [shape.sync_hz for shape in routed_shapes(slow)] == [156_900_000]
    assert routed_shapes(fast) == []


def test_only_a_shape_with_convolution_speaks_for_one_with_it_and_for_both() -> None:
    board = load_board("ecpix5-85f")
    shape = RoutedShape(14, 9, 130_000_000, convolution=True)
    board = replace(board, routed=(*(one for one in board.routed if not one.convolution), shape))
    found = routed_shapes(board, convolution=True)
    assert shape in found
    assert all(one.convolution for one in found)
    assert set(routed_shapes(board)) >= {*board.routed}
    assert "14x9 with convolution was routed" in str(evidence_of(14, 9, found))
    assert board.state.startswith("routed, 12x12 at ")


@given(routed=shapes, rows=st.integers(2, 16), columns=st.integers(2, 16))
def test_what_holds_for_an_array_holds_for_a_smaller_one(routed: list[RoutedShape], rows: int, columns: int) -> None:
    ground = evidence_of(rows, columns, routed)
    assert (ground.evidence is Evidence.UNROUTED) == (ground.shape is None)
    if ground.shape is not None:
        assert ground.shape.rows >= rows
        assert ground.shape.columns >= columns
        assert (ground.evidence is Evidence.ROUTED) == ((ground.shape.rows, ground.shape.columns) == (rows, columns))
        assert evidence_of(max(2, rows - 1), columns, routed).evidence is not Evidence.UNROUTED


@given(routed=shapes)
def test_geometries_within_shapes_lie_within_them(routed: list[RoutedShape]) -> None:
    device = load_device("ecp5-85f")
    within = list(geometries(device, routed))
    assert all(evidence_of(rows, columns, routed).evidence is not Evidence.UNROUTED for rows, columns in within)
    for shape in routed:
        if shape.columns * (shape.rows + 1) <= 156:
            assert any(rows >= shape.rows and columns == shape.columns for rows, columns in within)


@pytest.mark.parametrize("network", PAPER, ids=lambda network: str(network.features))
def test_the_paper_s_networks_get_an_engine_that_was_routed(network: GlobalNetwork) -> None:
    best = size(Task(network, batch=100), load_board("ecpix5-85f"))[0]
    assert (best.config.rows, best.config.columns) == (12, 12)
    assert best.ground.evidence is Evidence.ROUTED


def test_more_is_weighed_only_when_asked_for_and_labelled() -> None:
    task, board = Task(PAPER[2]), load_board("ecpix5-85f")
    asked = size(task, board, unrouted=True)
    assert {design.ground.evidence for design in size(task, board)} == {Evidence.ROUTED, Evidence.SMALLER}
    assert asked[0].ground.evidence is Evidence.UNROUTED
    assert asked[0].objective <= size(task, board)[0].objective
    nothing = size(task, load_board("arty-a7-100"))
    assert {design.ground.evidence for design in nothing} == {Evidence.UNROUTED}
    assert "never routed" in str(nothing[0].ground)


def test_a_board_of_ones_own_has_the_shapes_of_its_part() -> None:
    own = (RoutedShape(13, 11, 130_000_000),)
    board = replace(load_board("ecpix5-85f"), folder=Path("/elsewhere/mine"), routed=own)
    shapes = [(shape.rows, shape.columns, shape.convolution) for shape in routed_shapes(board)]
    plain = [(12, 12, False), (12, 12, False), (13, 11, False), (16, 8, False)]
    assert shapes == [*plain, (16, 8, True)]
    assert [(shape.rows, shape.columns) for shape in routed_shapes(board, convolution=True)] == [(16, 8)]
