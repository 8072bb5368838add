"""The three phases of a convolution."""

from .backward import backward
from .forward import forward
from .update import update

__all__ = ["backward", "forward", "update"]
