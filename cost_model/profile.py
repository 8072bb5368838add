"""What was measured on a machine: coefficients of Deep3, Table 2, regions of its operations, and whose they are."""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from deep3.errors import Deep3Error

from .costs import Coefficients

__all__ = ["OperationPoint", "Profile", "ProfileError", "StepFit", "step_features"]

FORMAT = 1
REGIONS = ("overhead", "bandwidth", "compute")


class ProfileError(Deep3Error, ValueError):
    """A profile that cannot be read, or belongs to another machine; the message says what would work."""


@dataclass(frozen=True)
class OperationPoint:
    """One size of one operation: seconds (the least of several), multiply-adds, bytes touched, and what bounds it."""

    operation: str
    size: tuple[int, ...]
    seconds: float
    macs: int
    bytes: int
    region: str


@dataclass(frozen=True)
class StepFit:
    """Seconds of a local training step as a sum of `step_features`, each times its coefficient (none is negative)."""

    forward: tuple[float, ...]
    whole: tuple[float, ...]

    def seconds(self, sizes: tuple[int, ...], batch: int) -> float:
        """T_FP + T_BP of a batch."""
        return _dot(self.whole, step_features(sizes, batch))

    def forward_seconds(self, sizes: tuple[int, ...], batch: int) -> float:
        """T_FP of a batch."""
        return _dot(self.forward, step_features(sizes, batch))


def step_features(sizes: tuple[int, ...], batch: int) -> tuple[float, ...]:
    """What a step's time grows with: 1, layers, multiply-adds of one pass, neurons of all samples, weights."""
    edges = sum(inner * outer for inner, outer in pairwise(sizes))
    return 1.0, float(len(sizes) - 1), float(batch * edges), float(batch * sum(sizes)), float(edges)


def _dot(coefficients: tuple[float, ...], features: tuple[float, ...]) -> float:
    return sum(c * f for c, f in zip(coefficients, features, strict=True))


@dataclass(frozen=True)
class Profile:
    """A profile of one device of a machine.

    Attributes
    ----------
    device
        ``cpu`` or ``cuda``.
    fingerprint
        Of the machine and the libraries that were timed.
    coefficients
        Of Table 2.
    step
        Fit of the local training step.
    points
        The micro-benchmarks.
    memory_bytes
        Fast memory: the processor's last cache, or the GPU's memory.
    watts, watts_origin
        At work, and whether that was measured or modelled.
    held_out
        (predicted, measured) seconds of steps that were not fitted.
    """

    device: str
    fingerprint: dict[str, str]
    coefficients: Coefficients
    step: StepFit
    points: tuple[OperationPoint, ...]
    memory_bytes: int
    watts: float
    watts_origin: str
    held_out: tuple[tuple[float, float], ...]

    @property
    def median_error(self) -> float:
        """Relative error of the held-out steps, at the median."""
        errors = sorted(abs(predicted - measured) / measured for predicted, measured in self.held_out)
        return errors[len(errors) // 2]

    def to_json(self) -> str:
        """As the text of a file."""
        return json.dumps({"format": FORMAT, **dataclasses.asdict(self)}, indent=1) + "\n"

    @classmethod
    def load(cls, path: Path, fingerprint: Callable[[str], dict[str, str]], force: bool = False) -> "Profile":
        """Read a profile of this machine, or with ``force`` of any.

        Parameters
        ----------
        path
            File of `to_json`.
        fingerprint
            Gives that of a device of this machine.
        force
            Also of another machine.

        Raises
        ------
        ProfileError
            When it cannot be read, or was taken on another machine.
        """
        try:
            document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if document.pop("format") != FORMAT:
                raise ValueError("another format")
            profile = cls(
                device=document["device"],
                fingerprint=document["fingerprint"],
                coefficients=Coefficients(**document["coefficients"]),
                step=StepFit(**{name: tuple(values) for name, values in document["step"].items()}),
                points=tuple(OperationPoint(**{**p, "size": tuple(p["size"])}) for p in document["points"]),
                memory_bytes=document["memory_bytes"],
                watts=document["watts"],
                watts_origin=document["watts_origin"],
                held_out=tuple((predicted, measured) for predicted, measured in document["held_out"]),
            )
        except OSError as error:
            raise ProfileError(f"{path}: cannot read the profile: {error.strerror}; deep3 profile takes one") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProfileError(f"{path}: not a profile ({error}); take one with deep3 profile") from None
        here = fingerprint(profile.device)
        differing = [key for key, value in here.items() if profile.fingerprint.get(key) != value]
        if differing and not force:
            key = differing[0]
            raise ProfileError(
                f"{path}: taken on another machine: {key} is {here[key]!r} here,"
                f" {profile.fingerprint.get(key)!r} there; take one here with deep3 profile, or use --force"
            )
        return profile
