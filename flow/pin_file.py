"""Pin and timing files of boards, cut down to the ports that a design has."""

import re
from collections.abc import Collection

__all__ = ["pins_of"]

_PORTS = {
    ".lpf": re.compile(r'^(?:LOCATE COMP|IOBUF PORT|FREQUENCY PORT) "([^"]+)"'),
    ".xdc": re.compile(r"get_(?:ports|clocks)[^{\]]*{([^}]+)}"),
    ".ucf": re.compile(r'^(?:NET|TIMESPEC|OFFSET).*?"(?:TS_)?([^"]+)"'),
}
_BIT = re.compile(r"(\[\d+\]|<\d+>)$")


def pins_of(text: str, suffix: str, ports: Collection[str]) -> str:
    """The lines of a pin file that are about ``ports``, or about none at all.

    Parameters
    ----------
    text, suffix
        Content of the file, and the end of its name: ``.lpf``, ``.xdc`` or ``.ucf``.
    ports
        Names without bit numbers.
    """
    named = _PORTS[suffix]
    kept = [
        line
        for line in text.splitlines()
        if line.startswith("#") or all(_BIT.sub("", name) in ports for name in named.findall(line))
    ]
    return "\n".join(kept) + "\n"
