"""``--board``, as every command that takes one explains it."""

from deep3.cost_model.boards import board_names, load_board

__all__ = ["BOARD_HELP", "board_states"]

BOARD_HELP = "one of the boards below, or the path of a folder of your own (docs/boards.md)"


def board_states() -> str:
    """How far each board came, a line each."""
    lines = [f"  {name:<18} {load_board(name).state}" for name in board_names()]
    return "\n".join(["boards, none of which was run on hardware:", *lines])
