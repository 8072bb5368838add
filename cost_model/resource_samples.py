"""Cells of the gateware's units as Yosys maps them, at several sizes each: what the model of LUTs and flip-flops is
fitted on. `flow.sample_synthesis` makes them.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deep3.hdl.contract.config import EngineConfig

__all__ = ["Sample", "load_samples", "save_samples"]

FILE = Path(__file__).with_name("resource_samples.json")


@dataclass(frozen=True)
class Sample:
    """A unit of an engine, by itself or the whole of it, and its cells by type.

    Attributes
    ----------
    unit
        A key of `flow.sample_synthesis.UNITS`.
    config
        Fields of `EngineConfig` that are not at their defaults.
    width
        Lanes, where the unit is a group of columns; 1 for an operand of which words are forced.
    cells
        Of Yosys's ``synth_ecp5 -nowidelut``.
    """

    unit: str
    config: dict[str, Any]
    width: int = 0
    cells: dict[str, int] = field(default_factory=dict)

    @property
    def engine(self) -> EngineConfig:
        """The engine that the unit belongs to."""
        return EngineConfig(**self.config)


def load_samples() -> list[Sample]:
    """The samples as they were synthesised."""
    return [Sample(**record) for record in json.loads(FILE.read_text(encoding="utf-8"))]


def save_samples(samples: list[Sample]) -> None:
    """Write the data file, one sample a line."""
    lines = ",\n".join(json.dumps(asdict(sample)) for sample in samples)
    FILE.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
