"""Spoken digits as Deep KWS takes words: 41 frames of 40 bands of mel, from the recordings of ``fsdd.npz``."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deep3.host.data import DataError, Dataset
from deep3.host.data.sources import FOLDER_VARIABLE

__all__ = ["BANDS", "FRAMES", "log_mel", "spoken_digits"]

FRAMES = 41
BANDS = 40
WINDOW = 256
"""Samples of a frame: 32 ms at 8 kHz."""
RATE_HZ = 8000
LOWEST_HZ, HIGHEST_HZ = 60.0, 3800.0

Floats = NDArray[np.float32]


def spoken_digits() -> Dataset:
    """Recordings of six speakers, who are in both parts.

    Raises
    ------
    DataError
        Where there is no ``fsdd.npz`` in the folder that the environment names.
    """
    path = Path(os.environ.get(FOLDER_VARIABLE, ".")) / "fsdd.npz"
    if not path.is_file():
        raise DataError(f"{path}: no such file; put spoken digits (FSDD) into a folder that ${FOLDER_VARIABLE} names")
    with np.load(path) as file:
        content = {name: file[name] for name in ("audio", "offset", "y", "train_idx", "test_idx")}
    recordings = np.split(content["audio"], content["offset"][1:-1])
    x = np.stack([log_mel(recording).reshape(-1) for recording in recordings])
    y = content["y"].astype(np.int64)
    train, test = content["train_idx"], content["test_idx"]
    return Dataset("fsdd", x[train], y[train], x[test], y[test], tuple("0123456789"))


def log_mel(recording: NDArray[np.int16]) -> Floats:
    """Logarithms of energies [FRAMES, BANDS], less their mean: `FRAMES` frames from the beginning of a recording to its
    end, however long it is."""
    padded = np.pad(recording.astype(np.float64) / 32768, (0, max(0, WINDOW - len(recording))))
    starts = np.linspace(0, len(padded) - WINDOW, FRAMES).astype(np.int64)
    frames = padded[starts[:, None] + np.arange(WINDOW)] * np.hanning(WINDOW)
    energies = np.abs(np.fft.rfft(frames)) ** 2 @ _bands().T
    logarithms = np.log(energies + 1e-6)
    centred: Floats = (logarithms - logarithms.mean()).astype(np.float32)
    return centred


def _bands() -> NDArray[np.float64]:
    """Triangles over the spectrum, [BANDS, WINDOW / 2 + 1]."""
    lowest, highest = (2595 * np.log10(1 + hz / 700) for hz in (LOWEST_HZ, HIGHEST_HZ))
    edges = 700 * (10 ** (np.linspace(lowest, highest, BANDS + 2) / 2595) - 1)
    spectrum = np.fft.rfftfreq(WINDOW, 1 / RATE_HZ)
    rising = (spectrum - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - spectrum) / (edges[2:] - edges[1:-1])[:, None]
    triangles: NDArray[np.float64] = np.clip(np.minimum(rising, falling), 0, None)
    return triangles
