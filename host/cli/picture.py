"""Files of pictures as they are typed behind ``--picture``."""

import argparse
from pathlib import Path

__all__ = ["picture"]

PICTURES = (".png", ".pdf", ".svg")


def picture(text: str) -> str:
    """The name of a file of a kind that Matplotlib draws.

    Raises
    ------
    argparse.ArgumentTypeError
        For another kind.
    """
    if Path(text).suffix.lower() not in PICTURES:
        raise argparse.ArgumentTypeError(f"must end in {', '.join(PICTURES)}, not {text!r}")
    return text
