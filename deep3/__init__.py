"""deep3: neural networks under physical limits, trained by generated engines, CPUs and GPUs together.

What a program imports; each name is loaded when it is first used (docs/python.md).
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deep3.compiler.network.network import Network
    from deep3.cost_model.boards import board_names as boards
    from deep3.cost_model.boards import load_board
    from deep3.errors import Deep3Error
    from deep3.flow.by_name import build, program
    from deep3.hdl.contract.config import EngineConfig
    from deep3.host.projection.transformer import DictionaryProjection
    from deep3.host.reports.sized import Sizing, size
    from deep3.host.training.estimator import Classifier
    from deep3.host.training.from_python import TrainResult, train
    from deep3.host.training.import_model import load_model
    from deep3.host.training.model import Model, load
    from deep3.host.workers.public_board import Board
    from deep3.version import VERSION as __version__

__all__ = [
    "Board", "Classifier", "Deep3Error", "DictionaryProjection", "EngineConfig", "Model", "Network", "Sizing",
    "TrainResult", "__version__", "boards", "build", "load", "load_board", "load_model", "program", "size", "train",
]  # fmt: skip

_PLACES = {
    "Board": "host.workers.public_board:Board",
    "Classifier": "host.training.estimator:Classifier",
    "Deep3Error": "errors:Deep3Error",
    "DictionaryProjection": "host.projection.transformer:DictionaryProjection",
    "EngineConfig": "hdl.contract.config:EngineConfig",
    "Model": "host.training.model:Model",
    "Network": "compiler.network.network:Network",
    "Sizing": "host.reports.sized:Sizing",
    "TrainResult": "host.training.from_python:TrainResult",
    "__version__": "version:VERSION",
    "boards": "cost_model.boards:board_names",
    "build": "flow.by_name:build",
    "load": "host.training.model:load",
    "load_board": "cost_model.boards:load_board",
    "load_model": "host.training.import_model:load_model",
    "program": "flow.by_name:program",
    "size": "host.reports.sized:size",
    "train": "host.training.from_python:train",
}
"""Module below deep3, and the name there."""


def __getattr__(name: str) -> object:
    """The object behind a public name, as PEP 562 asks for it; its module is loaded now.

    Raises
    ------
    AttributeError
        For any other name.
    MissingExtra
        An ImportError: when a package that the name needs is not installed.
    """
    if name not in _PLACES:
        raise AttributeError(f"module 'deep3' has no attribute {name!r}")
    module, _, attribute = _PLACES[name].partition(":")
    try:
        found = getattr(import_module(f"deep3.{module}"), attribute)
    except ModuleNotFoundError as error:
        from deep3.extras import MissingExtra, remedy

        if (what := remedy(error)) is None:
            raise
        raise MissingExtra(f"deep3.{name} {what}") from None
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
