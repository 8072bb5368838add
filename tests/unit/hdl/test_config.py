"""`hdl.contract.config`: TOML round trip, derived values, refusals."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep3.hdl.contract.config import ConfigError, EngineConfig

powers = lambda low, high: st.sampled_from([1 << n for n in range(low, high + 1)])  # noqa: E731
bank_words = st.integers(1, 16).map(lambda blocks: 1024 * blocks)
configs = st.builds(
    EngineConfig,
    rows=st.integers(2, 16), columns=st.integers(2, 16),
    activation_bank_words=bank_words, weight_bank_words=bank_words, error_bank_words=bank_words,
    label_words=powers(6, 14), accumulator_words=powers(4, 10), activation_entries=powers(6, 11),
    exponential_entries=powers(4, 8), max_classes=powers(1, 8), max_layers=st.integers(1, 16), loss_unit=st.booleans(),
)  # fmt: skip


@given(configs)
def test_a_configuration_survives_toml(config: EngineConfig) -> None:
    assert EngineConfig.from_toml(config.to_toml()) == config


@given(configs, configs)
def test_digests_are_equal_exactly_for_equal_engines(one: EngineConfig, other: EngineConfig) -> None:
    assert (one.digest == other.digest) == (one == other)
    assert one.digest == dataclasses.replace(one).digest


@given(configs)
def test_banks_are_the_least_power_of_two_that_serves_rows_and_columns(config: EngineConfig) -> None:
    assert config.banks == 1 << config.bank_bits
    assert config.banks // 2 < max(config.rows, config.columns) <= config.banks


def test_left_out_fields_take_their_defaults() -> None:
    assert EngineConfig.from_toml("[engine]") == EngineConfig()
    assert EngineConfig.from_toml("[engine]\nrows = 4\n") == EngineConfig(rows=4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": 1}, "rows must be between 2 and 16, not 1"),
        ({"columns": 17}, "columns must be between 2 and 16, not 17"),
        ({"rows": 8.0}, "rows must be of type int, not 8.0"),
        ({"rows": True}, "rows must be of type int, not True"),
        ({"loss_unit": 1}, "loss_unit must be of type bool, not 1"),
        ({"weight_bank_words": 1500}, "weight_bank_words must be a multiple of 1024, not 1500"),
        ({"error_bank_words": 0}, "error_bank_words must be between 1024 and 32768, not 0"),
        ({"label_words": 100}, "label_words must be a power of two, not 100"),
        ({"accumulator_words": 2048}, "accumulator_words must be between 16 and 1024, not 2048"),
        ({"dropout": True}, "dropout must be false without convolution, not True"),
    ],
)
def test_bad_values_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        EngineConfig(**changes)  # type: ignore[arg-type]
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "e.toml: the table [engine] is missing; with no key in it, it is the 8x8 engine"),
        ("rows = 4", "e.toml: unknown table or key 'rows'; the one table is [engine]"),
        ("engine = 3", "e.toml: engine must be a table, not 3"),
        ("[engine]\nrows = 99", "e.toml: rows must be between 2 and 16, not 99"),
    ],
)
def test_bad_files_are_named(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        EngineConfig.from_toml(text, source="e.toml")
    assert str(caught.value) == message


def test_an_unknown_key_names_the_known_ones() -> None:
    message = r"^c: unknown key 'row' in \[engine\]; known keys: rows, .*convolution, dropout, adagrad$"
    with pytest.raises(ConfigError, match=message):
        EngineConfig.from_toml("[engine]\nrow = 4", source="c")


def test_malformed_toml_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"^c: not valid TOML: [^\n]*$"):
        EngineConfig.from_toml("[engine", source="c")


def test_a_file_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "engine.toml"
    path.write_text(EngineConfig(rows=3).to_toml())
    assert EngineConfig.load(path) == EngineConfig(rows=3)
    missing = tmp_path / "none.toml"
    with pytest.raises(ConfigError) as caught:
        EngineConfig.load(missing)
    assert str(caught.value) == f"{missing}: cannot read the configuration: No such file or directory"


def test_an_option_that_is_off_leaves_the_digest_as_it_was() -> None:
    @dataclasses.dataclass(frozen=True)
    class Later(EngineConfig):
        option: bool = dataclasses.field(default=False, metadata={"off": False})

    assert Later().digest == EngineConfig().digest
    assert Later(option=True).digest != EngineConfig().digest
    assert Later(rows=4).digest == EngineConfig(rows=4).digest


def test_engines_without_convolution_keep_the_digest_of_before_there_was_any() -> None:
    assert EngineConfig().digest == "48e529449f4adab0"
