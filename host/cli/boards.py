"""``--board``, as every command that takes one explains it."""

from deep3.cost_model.boards import board_names

__all__ = ["BOARD_HELP"]

BOARD_HELP = f"{', '.join(board_names())}, or the path of a folder of your own (docs/boards.md)"
