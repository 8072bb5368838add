"""The folder of a run: what lies in it, and what it was asked to do."""

import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .events import RecordError
from .fields import check_fields

__all__ = [
    "CHECKPOINTS", "CONFUSION_FILE", "ENGINE_FILE", "FIRST_FILE", "PAGE_FILE", "PLOT_FILE", "SETTINGS_FILE", "STATES",
    "RunDescription", "new_run_folder",
]  # fmt: skip

SETTINGS_FILE = "settings.json"
ENGINE_FILE = "engine.toml"
FIRST_FILE = "first.npz"
"""The network of a model or checkpoint that a run begins with."""
PLOT_FILE = "plot.png"
PAGE_FILE = "report.html"
CONFUSION_FILE = "confusion.json"
"""Of the best network of the joint run."""
CHECKPOINTS = {"joint": "checkpoint.npz", "reference": "reference.npz"}
"""The best network of each run."""
STATES = {"joint": "state.npz", "reference": "reference-state.npz"}
"""What each run needs to go on."""


@dataclass(frozen=True)
class RunDescription:
    """``settings.json``: all that is known when a run begins.

    Attributes
    ----------
    settings
        Fields of `host.training.settings.TrainSettings`; paths are absolute.
    data
        Name of the data set.
    data_digest
        Of the training samples as the workers see them.
    sizes, local_sizes
        Values of a sample at the input and behind each layer with weights, of the global network and of a worker's.
    workers
        Their names.
    clipped_inputs
        Validation and test values that left Q3.12 and were saturated.
    versions
        Of deep3, Python and the libraries that compute.
    command
        The command line.
    coefficient_energies, sample_energy
        Of the projection: the variance of each coefficient over training samples, as they come (raw, unscaled), and
        that of the samples themselves, all features together. Empty and None without a projection, and in folders of
        earlier versions.
    """

    settings: dict[str, Any]
    data: str
    data_digest: str
    sizes: tuple[int, ...]
    local_sizes: tuple[int, ...]
    workers: tuple[str, ...]
    clipped_inputs: int
    versions: dict[str, str]
    command: tuple[str, ...]
    coefficient_energies: tuple[float, ...] = ()
    sample_energy: float | None = None

    def save(self, folder: Path) -> None:
        """Write as JSON."""
        text = json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False)
        (folder / SETTINGS_FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "RunDescription":
        """Read what `save` wrote.

        Raises
        ------
        RecordError
            When the folder is none of a run.
        """
        path = folder / SETTINGS_FILE
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            check_fields(cls, values)
            values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
            return cls(**values)
        except OSError as error:
            raise RecordError(f"{folder}: not the folder of a run: {path.name}: {error.strerror}") from None
        except (ValueError, TypeError, AttributeError):
            reason = f"{path.name} is damaged, or of another version"
            raise RecordError(f"{folder}: not the folder of a run: {reason}") from None


def new_run_folder(parent: Path, name: str) -> Path:
    """Create ``parent/NAME-TIMESTAMP``, with a number behind it where that exists."""
    stem = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    for number in range(1, 1000):
        folder = parent / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{parent / stem}: a thousand runs started in this second")
