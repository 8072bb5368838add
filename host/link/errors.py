"""What can go wrong on the way to a board; every message is one line with what was tried or what to do."""

from deep3.errors import Deep3Error

__all__ = [
    "BoardBusy",
    "BoardDoesNotAccept",
    "BoardDoesNotAnswer",
    "BoardInUse",
    "LinkError",
    "SessionLost",
    "WrongDigest",
    "WrongVersion",
]


class LinkError(Deep3Error):
    """Base of all errors between host and board."""


class BoardDoesNotAnswer(LinkError):
    """Nothing came back for the whole patience; names the address, what was tried and for how long."""


class BoardDoesNotAccept(LinkError):
    """The board answers, but makes no progress; names what was waited for and how long."""


class BoardBusy(LinkError):
    """An operand memory was read while a run was on."""


class BoardInUse(LinkError):
    """Another host uses the board."""


class SessionLost(LinkError):
    """The board answers to another session: it was reset, or another host took it over."""


class WrongDigest(LinkError):
    """The board carries another engine than the host expects."""


class WrongVersion(LinkError):
    """The board speaks another version of the link protocol."""
