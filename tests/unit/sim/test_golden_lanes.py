"""Lanes, random words and loss of the golden model against scalar arithmetic, and the laws of rounding."""

import dense_reference as dense
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deep3.hdl.contract.program import Format, Function, Mode
from deep3.sim.golden.engine import lanes, loss
from deep3.sim.golden.engine.fixed import saturate, wrap
from deep3.sim.golden.engine.random_words import RandomWords

accumulators = st.lists(
    st.one_of(st.integers(-(1 << 39), (1 << 39) - 1), st.integers(-(1 << 28), 1 << 28)), min_size=1, max_size=20
)
words = st.integers(-32768, 32767)
entries = st.sampled_from([64, 128, 256, 512, 1024, 2048])
exponential_entries = st.sampled_from([16, 32, 64, 128, 256])
functions = st.sampled_from(Function)


def forward(sums: torch.Tensor, format: Format, function: Function, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    return lanes.post(lanes.Setting(Mode.FORWARD, format, function, 0, 0), sums, nothing, nothing, size)


def update(
    sums: torch.Tensor, weights: torch.Tensor, random: torch.Tensor, mantissa: int, shift: int
) -> tuple[torch.Tensor, torch.Tensor]:
    setting = lanes.Setting(Mode.UPDATE, Format.Q3_12, Function.IDENTITY, mantissa, shift)
    return lanes.post(setting, sums, lambda: weights, lambda: random, 64)


def nothing() -> torch.Tensor:
    raise AssertionError("nothing is asked for that is not used")


@given(accumulators, functions, entries, st.sampled_from(Format))
def test_forward_equals_the_scalar_definition(sums: list[int], function: Function, size: int, format: Format) -> None:
    values, clipped = forward(torch.tensor(sums), format, function, size)
    for index, total in enumerate(sums):
        clips = dense.Clips()
        window = clips.saturate(total >> (15 if format is Format.Q7_8 else 11), 18)
        y = clips.saturate((window + 1) >> 1, 16)
        assert values[index] == (y if format is Format.Q7_8 else dense.activation(y, function, size))
        assert bool(clipped[index]) == clips.seen


@given(accumulators, words, functions, entries)
def test_backward_equals_the_scalar_definition(sums: list[int], h: int, function: Function, size: int) -> None:
    setting = lanes.Setting(Mode.BACKWARD, Format.Q3_12, function, 0, 0)
    activations = torch.full((len(sums),), h)
    errors, clipped = lanes.post(setting, torch.tensor(sums), lambda: activations, nothing, size)
    for index, total in enumerate(sums):
        clips = dense.Clips()
        window = clips.saturate(total >> 10, 18)
        e = clips.saturate((window * dense.slope(h, function, size) + 32768) >> 16, 16)
        assert errors[index] == e
        assert bool(clipped[index]) == clips.seen


@given(st.integers(-(1 << 26), 1 << 26), functions, words, st.sampled_from([2, 4]))
def test_errors_with_a_position_are_the_nearest_that_leave_room_for_it(
    total: int, function: Function, h: int, bits: int
) -> None:
    setting = lanes.Setting(Mode.BACKWARD, Format.Q3_12, function, 0, 0, position_bits=bits)
    errors, _ = lanes.post(setting, torch.tensor([total]), lambda: torch.tensor([h]), nothing, 512)
    stored = int(errors[0]) >> bits << bits
    exact = (total >> 10) * dense.slope(h, function, 512) / 65536
    assert abs(stored - exact) <= 1 << bits - 1


@given(accumulators, words, st.integers(0, 65535), st.integers(0, 65535), st.integers(0, 3))
def test_update_equals_the_scalar_definition(sums: list[int], w: int, r: int, mantissa: int, shift: int) -> None:
    new, clipped = update(torch.tensor(sums), torch.tensor(w), torch.tensor(r), mantissa, shift)
    for index, total in enumerate(sums):
        clips = dense.Clips()
        step = ((clips.saturate(total >> 14, 18) * mantissa >> (4 * shift)) + r) >> 16
        assert new[index] == clips.saturate(w - step, 16)
        assert bool(clipped[index]) == clips.seen


@given(st.lists(st.integers(-(1 << 50), 1 << 50), min_size=1), st.integers(2, 40))
def test_saturate_stays_in_range_and_marks_what_it_changed(values: list[int], bits: int) -> None:
    clipped, mask = saturate(torch.tensor(values), bits)
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    assert clipped.tolist() == [min(max(value, low), high) for value in values]
    assert mask.tolist() == [not low <= value <= high for value in values]


@given(st.integers(-(1 << 50), 1 << 50))
def test_wrap_keeps_the_low_40_bits(value: int) -> None:
    wrapped = int(wrap(torch.tensor(value), 40))
    assert (wrapped - value) % (1 << 40) == 0
    assert -(1 << 39) <= wrapped < 1 << 39


@pytest.mark.parametrize("function", [Function.TANH, Function.SIGMOID])
@given(size=entries)
def test_activations_are_monotone_symmetric_and_near_the_function(function: Function, size: int) -> None:
    y = torch.arange(-32767, 32768)
    h, _ = forward(y << 12, Format.Q3_12, function, size)
    real = torch.tanh(y / 4096) if function is Function.TANH else torch.sigmoid(y / 4096)
    assert (h.diff() >= 0).all()
    centre = 0 if function is Function.TANH else 4096
    # The half of an odd number is rounded up on both sides of the centre of the sigmoid.
    assert ((h + h.flip(0) - centre).abs() <= 1).all()
    assert (h / 4096 - real).abs().max() <= 4 / size + 1 / 4096


@given(st.integers(1, 16), st.integers(1, (1 << 32) - 1), st.lists(st.integers(0, 40), max_size=5))
def test_random_words_follow_the_lfsr_in_any_portions(columns: int, seed: int, portions: list[int]) -> None:
    golden, scalar = RandomWords(columns, seed), dense.Randomness(columns, seed)
    for portion in portions:
        assert golden.take(portion).tolist() == [scalar.next_vector() for _ in range(portion)]


@pytest.mark.parametrize("seed", [0, 1 << 32, -1])
def test_a_seed_out_of_range_is_named(seed: int) -> None:
    with pytest.raises(ValueError, match=rf"^seed must be between 1 and 4294967295, not {seed}$"):
        RandomWords(4, seed)


@pytest.mark.parametrize("group", range(4))
def test_a_group_seeded_to_zero_starts_at_one(group: int) -> None:
    seed = (group * 0x9E3779B9 & 0xFFFFFFFF) or 0x9E3779B9
    states = RandomWords(16, seed).states
    assert states[group or 1] == 1
    assert all(states)


@pytest.mark.parametrize("window", [1, -1, 300, -70000])
@pytest.mark.parametrize("shift", [0, 3])
def test_stochastic_rounding_is_unbiased(window: int, shift: int) -> None:
    mantissa, vectors = 24001, 16384
    random = RandomWords(8, seed=7).take(vectors)
    new, _ = update(
        torch.full_like(random, window << 14), torch.zeros_like(random), random, mantissa, shift
    )
    wanted = -window * mantissa / 2 ** (16 + 4 * shift)
    # Each rounding has a standard deviation of at most 1/2; the floor before it adds at most 2^-16.
    assert abs(new.double().mean().item() - wanted) < 5 * 0.5 / random.numel() ** 0.5 + 2**-16


def test_updates_saturate_at_the_ends_of_the_range() -> None:
    weights = torch.tensor([32767, -32768])
    new, clipped = update(torch.tensor([-(1 << 39), (1 << 39) - 1]), weights, torch.tensor(0), 65535, 0)
    assert new.tolist() == [32767, -32768]
    assert clipped.all()


logits = st.integers(2, 20).flatmap(lambda n: st.lists(st.lists(words, min_size=n, max_size=n), min_size=1, max_size=4))


@given(logits, st.integers(0, 25), exponential_entries)
def test_losses_equal_the_scalar_definition(rows: list[list[int]], label: int, size: int) -> None:
    outputs, labels = torch.tensor(rows), torch.full((len(rows),), label)
    assert loss.softmax(outputs, labels, size).tolist() == [dense.softmax_errors(row, label, size) for row in rows]
    assert loss.mse(outputs, labels).tolist() == [dense.mse_errors(row, label) for row in rows]
    assert loss.argmax(outputs).tolist() == [row.index(max(row)) for row in rows]


@given(st.integers(2, 20), st.integers(-32768, 28000), exponential_entries)
def test_a_sample_that_is_learnt_no_longer_pulls(classes: int, low: int, size: int) -> None:
    outputs = torch.full((1, classes), low)
    outputs[0, 1] = low + 4700
    assert loss.softmax(outputs, torch.tensor([1]), size).tolist() == [[0] * classes]


def test_softmax_is_close_to_real_softmax() -> None:
    generator = torch.Generator().manual_seed(3)
    outputs = torch.randint(-1500, 1500, (200, 26), generator=generator)
    labels = torch.randint(0, 26, (200,), generator=generator)
    real = torch.softmax(outputs / 256, dim=1) - torch.nn.functional.one_hot(labels, 26)
    errors = loss.softmax(outputs, labels, 64) / 16384
    assert (errors - real).abs().max() < 0.01
