"""A push of fully connected layers in one call: dense_push.cpp, compiled once for this processor and kept."""

import ctypes
import hashlib
import os
import platform
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cython_blas

from deep3.cache import cache_folder
from deep3.compiler.optimisers.optimiser import Adagrad, Momentum
from deep3.errors import Deep3Error
from deep3.hdl.contract.program import Loss

from .dense_steps import DenseStep, DenseSteps, DropoutStep

__all__ = ["CompiledPush", "PushBuildError", "compiled_function"]

SOURCE = Path(__file__).with_name("dense_push.cpp")
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-std=gnu++17", "-shared", "-fPIC")
"""Those on mathematics leave every result as it is: nobody reads errno or exception flags."""
PROCESSOR_FACTS = ("model name", "flags", "Features", "CPU part")
"""Lines of /proc/cpuinfo that say what instructions there are."""
SGEMM = b"void (char *, char *, int *, int *, int *, "
"""How the type of SciPy's sgemm begins where its integers have 32 bits."""


class PushBuildError(Deep3Error):
    """The compiled push cannot be had; the message says why."""


class _Step(ctypes.Structure):
    """As in dense_push.cpp."""

    _fields_ = (
        ("kind", ctypes.c_int32), ("function", ctypes.c_int32), ("inputs", ctypes.c_int32), ("outputs", ctypes.c_int32),
        ("weights", ctypes.c_void_p), ("state", ctypes.c_void_p), ("values", ctypes.c_void_p),
        ("drawn", ctypes.c_void_p), ("dropped", ctypes.c_int64),
    )  # fmt: skip


class _Push(ctypes.Structure):
    """As in dense_push.cpp."""

    _fields_ = (
        ("sgemm", ctypes.c_void_p), ("steps", ctypes.c_int32), ("batch", ctypes.c_int32), ("mse", ctypes.c_int32),
        ("optimiser", ctypes.c_int32), ("momentum", ctypes.c_float), ("weight_decay", ctypes.c_float),
        ("step", ctypes.POINTER(_Step)), ("inputs", ctypes.c_void_p), ("errors", ctypes.c_void_p * 2),
        ("gradient", ctypes.c_void_p),
    )  # fmt: skip


DENSE, DROPOUT = 0, 1
SGD, MOMENTUM, ADAGRAD = 0, 1, 2


class CompiledPush:
    """`numpy_push.numpy_push` in one call for given arrays, without the interpreter's lock.

    Parameters
    ----------
    net
        Kept; its arrays stay where they are.

    Raises
    ------
    PushBuildError
        When it cannot be compiled here.
    """

    def __init__(self, net: DenseSteps) -> None:
        self._function = compiled_function()
        self._net = net
        self._steps = (_Step * len(net.steps))(*map(_step, net.steps, (net.inputs, *(s.values for s in net.steps))))
        optimiser = net.optimiser
        self._push = _Push(
            _sgemm_address(), len(net.steps), net.batch, net.network.loss is Loss.MSE,
            MOMENTUM if isinstance(optimiser, Momentum) else ADAGRAD if isinstance(optimiser, Adagrad) else SGD,
            optimiser.momentum if isinstance(optimiser, Momentum) else 0.0, optimiser.weight_decay,
            self._steps, net.inputs.ctypes.data, (ctypes.c_void_p * 2)(*(array.ctypes.data for array in net.errors)),
            net.gradient.ctypes.data,
        )  # fmt: skip

    def __call__(
        self, words: NDArray[np.int16], labels: NDArray[np.int64], rate: float, drawn: list[NDArray[np.uint16]]
    ) -> int:
        """See `numpy_push.numpy_push`.

        Raises
        ------
        ValueError
            For batches of other shapes, and labels that are no classes.
        """
        batches, net = len(words), self._net
        if words.shape != (batches, net.batch, net.network.inputs) or labels.shape != (batches, net.batch):
            raise ValueError(f"batches must hold {net.batch} samples of {net.network.inputs} words, not {words.shape}")
        numbers = iter(drawn)
        for step in self._steps:
            if step.kind == DROPOUT:
                step.drawn = next(numbers).ctypes.data
        words, labels = np.ascontiguousarray(words, np.int16), np.ascontiguousarray(labels, np.int64)
        correct = self._function(ctypes.byref(self._push), words.ctypes.data, labels.ctypes.data, batches, rate)
        if correct < 0:
            raise ValueError(f"labels must be from 0 to {net.network.classes - 1}")
        return correct


@cache
def compiled_function() -> Callable[..., int]:
    """The function, built on first use into the cache of downloads and boards.

    Raises
    ------
    PushBuildError
        Without a compiler, or where it or the library fails.
    """
    library = cache_folder() / f"push-{_key()}.so"
    try:
        if not library.exists():
            library.parent.mkdir(parents=True, exist_ok=True)
            _build(library)
        function = ctypes.CDLL(str(library)).dense_push
    except OSError as error:
        raise PushBuildError(f"{error.filename or library}: {error.strerror or error}") from None
    function.argtypes = (ctypes.c_void_p,) * 3 + (ctypes.c_int64, ctypes.c_float)
    function.restype = ctypes.c_int64
    return function


def _key() -> str:
    """Of the source and of what it is compiled for: a cache may be shared by machines of several kinds."""
    try:
        facts = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except OSError:
        facts = []
    processor = [line for line in facts if line.split("\t")[0].rstrip() in PROCESSOR_FACTS]
    parts = (SOURCE.read_text(encoding="utf-8"), *FLAGS, platform.machine(), platform.node(), *processor)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _build(library: Path) -> None:
    """In one step: of several processes that build it at once the last one's stays."""
    compiler = os.environ.get("CXX", "g++")
    handle, partial = tempfile.mkstemp(dir=library.parent, prefix=f".{library.stem}-")
    os.close(handle)
    try:
        done = subprocess.run(
            [compiler, *FLAGS, "-o", partial, str(SOURCE)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = next((line for line in done.stderr.splitlines() if "error" in line), f"status {done.returncode}")
            raise PushBuildError(f"{compiler} fails: {said}")
        os.replace(partial, library)
    finally:
        Path(partial).unlink(missing_ok=True)


def _step(step: DenseStep | DropoutStep, before: NDArray[np.float32]) -> _Step:
    inputs = before.shape[1] - 1
    if isinstance(step, DenseStep):
        return _Step(
            DENSE, step.function, inputs, step.outputs, step.weights.ctypes.data, step.state.ctypes.data,
            step.values.ctypes.data, None, 0,
        )  # fmt: skip
    return _Step(DROPOUT, 0, inputs, step.outputs, None, None, step.values.ctypes.data, None, step.dropped)


def _sgemm_address() -> int:
    """Of the BLAS that SciPy brings, which other compiled code may call by this table."""
    capsule = ctypes.py_object(cython_blas.__pyx_capi__["sgemm"])
    name_of, pointer_of = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name_of.restype, name_of.argtypes = ctypes.c_char_p, (ctypes.py_object,)
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    name = name_of(capsule)
    if not name.startswith(SGEMM):
        raise PushBuildError(f"SciPy's sgemm takes other integers than 32 bits: {name.decode()}")
    address: int = pointer_of(capsule, name)
    return address
