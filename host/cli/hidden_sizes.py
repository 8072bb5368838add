"""Sizes as they are typed behind ``--hidden`` and ``--input-shape``."""

import argparse

__all__ = ["hidden_sizes", "input_shape"]


def hidden_sizes(text: str) -> tuple[int, ...]:
    """Neurons of each hidden layer from ``64,32``; none from ``none``.

    Raises
    ------
    argparse.ArgumentTypeError
        For anything else.
    """
    try:
        return () if text == "none" else tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be none or integers separated by commas, not {text!r}") from None


def input_shape(text: str) -> tuple[int, ...]:
    """Of a sample from ``1,28,28``.

    Raises
    ------
    argparse.ArgumentTypeError
        For anything else.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be integers separated by commas, not {text!r}") from None
