"""Laws of the sizing: what it promises for any network, board and limit."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deep3.compiler.layout import Layout
from deep3.compiler.lowering import lower
from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import SGD, Adagrad, Momentum, Optimiser
from deep3.cost_model.boards import board_names, load_board
from deep3.cost_model.choice import BUFFERS, NothingFits
from deep3.cost_model.design import OBJECTIVES, Limits, LocalDesign, SizingError, Task, link_kind, pareto_front
from deep3.cost_model.devices import load_device
from deep3.cost_model.engine_choice import engine_for, shortages
from deep3.cost_model.link_time import LinkTime
from deep3.cost_model.local_network import GlobalNetwork, chain, largest, operand_words
from deep3.cost_model.sizing import embedding_range, size
from deep3.cost_model.step_time import BoardStep
from deep3.hdl.contract.config import BANK_GRANULARITY_WORDS, EngineConfig
from deep3.hdl.contract.program import ADDRESS_BITS
from deep3.host.reports.sizing import board_report, memory_map

PAPER = (GlobalNetwork(200, (1000, 300), 9), GlobalNetwork(5625, (3000, 500), 19), GlobalNetwork(617, (200,), 26))

BANK_WORDS = ("activation_bank_words", "weight_bank_words", "error_bank_words")

networks = st.builds(
    GlobalNetwork,
    st.integers(1, 6000),
    st.lists(st.integers(1, 3000), max_size=3).map(tuple),
    st.integers(2, 60),
)


def best_networks(task: Task, blocks: int) -> tuple[list[LocalDesign], int]:
    """Designs with so many block RAMs, and the place in the chain of the largest network among them."""
    limited = replace(task, limits=Limits(block_rams=blocks))
    try:
        designs = size(limited, load_board("ecpix5-45f"))
    except NothingFits:
        return [], len(chain(task.network))
    places = chain(task.network)
    return designs, min(places.index(design.local) for design in designs)


@settings(max_examples=6, deadline=None)
@given(network=networks, batch=st.integers(1, 128), blocks=st.integers(20, 100), more=st.integers(1, 60))
def test_more_memory_gives_no_smaller_network_and_no_worse_time(
    network: GlobalNetwork, batch: int, blocks: int, more: int
) -> None:
    task = Task(network, batch=batch)
    fewer, fewer_place = best_networks(task, blocks)
    many, many_place = best_networks(task, blocks + more)
    assert many_place <= fewer_place
    assert bool(fewer) <= bool(many)


@settings(max_examples=6, deadline=None)
@given(network=networks, batch=st.integers(1, 64), objective=st.sampled_from(sorted(OBJECTIVES)))
def test_no_design_of_the_list_beats_the_first_on_its_objective(
    network: GlobalNetwork, batch: int, objective: str
) -> None:
    designs = size(Task(network, batch=batch, objective=objective), load_board("ecpix5-85f"))
    assert designs[0].objective == min(OBJECTIVES[objective](design) for design in designs)
    front = pareto_front(designs)
    for name in ("runtime", "energy", "memory"):
        best = min(OBJECTIVES[name](design) for design in designs)
        assert best == min(OBJECTIVES[name](design) for design in front)


@settings(max_examples=6, deadline=None)
@given(
    network=networks, batch=st.integers(1, 64), board=st.sampled_from(board_names()),
    optimiser=st.sampled_from([SGD, Momentum(), Adagrad()]),
)  # fmt: skip
def test_the_memory_map_never_overlaps_and_stays_inside(
    network: GlobalNetwork, batch: int, board: str, optimiser: Optimiser
) -> None:
    design = size(Task(network, batch=batch, optimiser=optimiser), load_board(board))[0]
    config = design.config
    assert (config.convolution, config.adagrad) == (optimiser.state, optimiser == Adagrad())
    assert design.step.lowered.layout.optimiser == optimiser
    assert lower(design.step.lowered.layout.network, config, batch, BUFFERS, optimiser) == design.step.lowered
    kept = [tensor["words"] for tensor in memory_map(design) if tensor["tensor"].startswith("state of ")]
    weights = [tensor["words"] for tensor in memory_map(design) if tensor["tensor"].startswith("weights ")]
    assert kept == weights * optimiser.state
    there = {
        "activation": config.activation_words,
        "weight": config.weight_words,
        "error": config.error_words,
    }
    ends = dict.fromkeys(there, 0)
    for tensor in sorted(memory_map(design), key=lambda tensor: tensor["first"]):
        assert tensor["first"] >= ends[tensor["memory"]]
        ends[tensor["memory"]] = tensor["first"] + tensor["words"]
    assert all(ends[memory] <= there[memory] for memory in there)
    assert not shortages(config, design.device, link_kind(design.board))


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(2, 60), min_size=2, max_size=4),
    batch=st.integers(1, 40),
    place=st.integers(0, 4),
    rows=st.integers(2, 9),
    columns=st.integers(2, 9),
)
def test_time_grows_with_every_size(sizes: list[int], batch: int, place: int, rows: int, columns: int) -> None:
    config = EngineConfig(
        rows=rows, columns=columns, activation_bank_words=8192, weight_bank_words=8192, error_bank_words=4096
    )
    larger, larger_batch = list(sizes), batch
    if place < len(sizes):
        larger[place] += 1
    else:
        larger_batch += 1
    link = LinkTime(125e6)
    steps = [
        BoardStep(lower(Network.uniform(tuple(one)), config, count, 2), 125e6, link)
        for one, count in ((sizes, batch), (larger, larger_batch))
    ]
    assert steps[0].cycles <= steps[1].cycles
    assert steps[0].push(5).seconds <= steps[1].push(5).seconds


@given(network=networks)
def test_a_chain_only_shrinks(network: GlobalNetwork) -> None:
    sizes = [local.sizes for local in chain(network)]
    for one, following in pairwise(sizes):
        assert all(a >= b for a, b in zip(one, following, strict=True))
        assert one != following


@given(threshold=st.integers(0, 200), network=networks)
def test_the_largest_of_a_chain_that_fits(threshold: int, network: GlobalNetwork) -> None:
    candidates = chain(network)
    fitting = [index for index, local in enumerate(candidates) if local.edges <= 1000 * threshold]
    assert largest(candidates, lambda local: local.edges <= 1000 * threshold) == (fitting[0] if fitting else None)


@given(
    sizes=st.lists(st.integers(2, 256), min_size=2, max_size=4).map(tuple),
    batch=st.integers(1, 100),
    buffers=st.integers(1, 3),
    lanes=st.sampled_from([2, 4, 7, 16]),
)
def test_words_are_those_of_the_layout(sizes: tuple[int, ...], batch: int, buffers: int, lanes: int) -> None:
    largest_engine = EngineConfig(
        rows=lanes, columns=lanes, max_classes=256, label_words=16384,
        **dict.fromkeys(BANK_WORDS, (1 << ADDRESS_BITS) // EngineConfig(rows=lanes, columns=lanes).banks),
    )  # fmt: skip
    layout = Layout(Network.uniform(sizes), largest_engine, batch, buffers)
    words = (layout.inputs.base + buffers * layout.buffer_words, layout.weights[-1].end, layout.errors[-1].end)
    assert operand_words(sizes, batch, buffers, largest_engine.banks) == words


@given(
    sizes=st.lists(st.integers(2, 400), min_size=2, max_size=4).map(tuple),
    batch=st.integers(1, 300),
    buffers=st.integers(1, 90),
    lanes=st.sampled_from([2, 4, 7, 16]),
)
def test_an_engine_is_the_smallest_that_holds_a_network_and_none_where_no_engine_does(
    sizes: tuple[int, ...], batch: int, buffers: int, lanes: int
) -> None:
    config = engine_for(lanes, lanes, sizes, batch, buffers, len(sizes) - 1)
    words = operand_words(sizes, batch, buffers, EngineConfig(rows=lanes, columns=lanes).banks)
    labels = batch * buffers
    holdable = max(words) <= 1 << ADDRESS_BITS and sizes[-1] <= 256 and labels <= 16384
    assert (config is not None) == holdable
    if config is not None:
        for name, needed in zip(BANK_WORDS, words, strict=True):
            bank_words = getattr(config, name)
            assert (bank_words - BANK_GRANULARITY_WORDS) * config.banks < needed <= bank_words * config.banks
        assert labels <= config.label_words < max(65, 2 * labels)
        assert sizes[-1] <= config.max_classes < max(17, 2 * sizes[-1])
        assert config.max_layers == len(sizes) - 1


@pytest.mark.parametrize("board", board_names())
@pytest.mark.parametrize("network", PAPER, ids=lambda network: str(network.features))
def test_the_networks_of_the_paper_fit_every_board(board: str, network: GlobalNetwork) -> None:
    designs = size(Task(network), load_board(board))
    best, report = designs[0], board_report(designs, None, False)
    assert EngineConfig.from_toml(report["engine"]) == best.config
    shortest, longest = embedding_range(best)
    assert 1 <= shortest <= best.local.embedding <= longest <= network.features
    assert report["resources"]["block_rams"]["used"] <= load_device(best.board.device).block_ram.count


def test_an_array_that_the_link_cannot_feed_is_said_so() -> None:
    designs = size(Task(PAPER[2]), load_board("arty-a7-100"))
    report = board_report(designs, None, False)
    assert report["bottleneck"]["what"] == "link"
    assert any(note.startswith("the link feeds the array ") for note in report["notes"])
    fed = board_report(size(Task(PAPER[1]), load_board("ecpix5-85f")), None, False)
    assert fed["bottleneck"]["what"] == "array"
    assert not any("feeds" in note for note in fed["notes"])
    assert designs[0].step.fed_macs_per_second < designs[0].step.peak_macs_per_second


def test_a_limit_on_time_takes_more_boards() -> None:
    task = Task(PAPER[2])
    board = load_board("ecpix5-85f")
    alone = size(task, board)[0]
    seconds = alone.epoch_seconds / 3
    together = size(replace(task, limits=Limits(seconds=seconds)), board)[0]
    assert together.epoch_seconds <= seconds
    assert together.workers >= 3


def test_what_is_short_is_said_in_one_line() -> None:
    board = load_board("ecpix5-85f")
    with pytest.raises(NothingFits, match=r"holds even .* block RAMs short \(\d+ needed, 12 usable\)"):
        size(Task(PAPER[2], limits=Limits(block_rams=12)), board)
    with pytest.raises(NothingFits, match=r"takes .* s with 1 worker and .* s with 160 workers, .* limit is 1e-06 s"):
        size(Task(PAPER[2], limits=Limits(seconds=1e-6)), board)
    with pytest.raises(NothingFits, match=r"an epoch takes .* J at the least; the limit is 1e-06 J"):
        size(Task(PAPER[2], limits=Limits(joules=1e-6)), board)
    with pytest.raises(NothingFits, match="batches of 2046 fit"):
        size(Task(PAPER[2], batch=4093), load_board("arty-a7-100"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": 0}, "batch must be between 1 and 4093, not 0"),
        ({"samples": -1}, "samples must be between 1 and 1000000000, not -1"),
        ({"workers": 0}, "workers must be between 1 and 160, not 0"),
        ({"objective": "beauty"}, "objective must be one of runtime, energy, edp, memory, not 'beauty'"),
        ({"network": GlobalNetwork(0, (), 2)}, "features must be between 1 and 1000000, not 0"),
        ({"network": GlobalNetwork(1, (0,), 2)}, "hidden must be between 1 and 1000000, not 0"),
        ({"network": GlobalNetwork(1, (), 300)}, "classes must be between 2 and 256, not 300"),
    ],
)
def test_impossible_tasks_are_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(SizingError) as error:
        replace(Task(PAPER[2]), **change)  # type: ignore[arg-type]
    assert str(error.value) == message


def test_impossible_limits_are_named() -> None:
    with pytest.raises(SizingError, match="limit seconds must be above 0, not -1"):
        Limits(seconds=-1)
    with pytest.raises(SizingError, match="limit joules must be above 0, not nan"):
        Limits(joules=float("nan"))
