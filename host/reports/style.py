"""What the pictures of runs have in common: colours, fonts for any script, and a picture as part of a page."""

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

__all__ = ["JOINT_COLOUR", "LOST_COLOUR", "REFERENCE_COLOUR", "data_uri", "drawable", "house_style"]

JOINT_COLOUR = "#0b6e99"
REFERENCE_COLOUR = "#d1813b"
LOST_COLOUR = "#b3261e"
TEXT_COLOUR = "#333333"
FONTS = ("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Micro Hei", "Droid Sans Fallback")
"""The first comes with matplotlib; of the others those that are installed draw what it lacks."""
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "svg.hashsalt": "deep3",  # The same run gives the same page.
    "axes.edgecolor": "#999999",
    "axes.labelcolor": TEXT_COLOUR,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "text.color": TEXT_COLOUR,
    "xtick.color": TEXT_COLOUR,
    "ytick.color": TEXT_COLOUR,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in it inside of the context."""
    with mpl.rc_context({**STYLE, "font.family": list(_installed_fonts())}):
        yield


def drawable(text: str) -> str:
    """The text with what no font has replaced by question marks."""
    faces = [FT2Font(font_manager.findfont(name)) for name in _installed_fonts()]
    return "".join(letter if any(face.get_char_index(ord(letter)) for face in faces) else "?" for letter in text)


def data_uri(figure: Figure) -> str:
    """A picture as a ``data:`` address of SVG, which a page holds inside."""
    picture = io.BytesIO()
    figure.savefig(picture, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(picture.getvalue()).decode('ascii')}"


@cache
def _installed_fonts() -> tuple[str, ...]:
    there = set(font_manager.get_font_names())
    return tuple(name for name in FONTS if name in there)
