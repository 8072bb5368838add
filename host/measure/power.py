"""Power of this machine: read where it can be read, modelled where not."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from deep3.cost_model.costs import Figure, cpu_watts

__all__ = ["watts_at_work"]

RAPL = Path("/sys/class/powercap/intel-rapl:0/energy_uj")
READ_SECONDS = 0.5

# Estimate of one core of a processor of the last ten years at work: no machine says these of itself.
SWITCHED_FARADS = 2e-9
ACTIVITY = 0.5
CORE_VOLTS = 1.0
CORE_LEAKAGE_WATTS = 1.0
CORE_HZ = 3e9


def watts_at_work(device: str, work: Callable[[], object]) -> Figure:
    """Power while ``work`` repeats: RAPL's counter of the processor package, NVML's figure of the GPU, or else
    P = eta alpha C f V^2 plus leakage of one core."""
    if device == "cuda" and (smi := shutil.which("nvidia-smi")):
        return _from_gpu(smi, work)
    if RAPL.exists() and os.access(RAPL, os.R_OK):
        return _from_rapl(work)
    return cpu_watts(ACTIVITY, SWITCHED_FARADS, CORE_HZ, CORE_VOLTS, CORE_LEAKAGE_WATTS)


def _from_rapl(work: Callable[[], object]) -> Figure:
    before, started = int(RAPL.read_text()), time.perf_counter()
    while time.perf_counter() - started < READ_SECONDS:
        work()
    joules = (int(RAPL.read_text()) - before) / 1e6
    return Figure(joules / (time.perf_counter() - started), "measured")


def _from_gpu(smi: str, work: Callable[[], object]) -> Figure:
    started = time.perf_counter()
    while time.perf_counter() - started < READ_SECONDS:
        work()
    command = [smi, "--query-gpu=power.draw", "--format=csv,noheader,nounits"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Figure(float(text.splitlines()[0]), "measured")
