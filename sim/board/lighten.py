"""Makes generated code lighter before Verilator reads it: a quicker build, and less to compute in each cycle."""

import re

__all__ = ["with_replications", "without_zero_contents"]

_ZERO_CONTENTS = re.compile(r"  cell \$meminit_v2 \S+\n(?:    .*\n)*?    connect \\DATA \d+'0+\n(?:    .*\n)*?  end\n")
_REPEATED_BIT = re.compile(
    r"(?<![\w$\\.\]])(?P<bit>(?:\\\S+ |[A-Za-z_][\w$]*)(?:\s?\[\d+\])?)(?P<more>(?:, (?P=bit))+)(?=[,\s}])"
)


def without_zero_contents(rtlil: str) -> str:
    """Drops the contents of memories that start as zeros.

    Verilated memories do so anyway, and a line of Verilog for each word would take most of the build.
    """
    return _ZERO_CONTENTS.sub("", rtlil)


def with_replications(verilog: str) -> str:
    """``{3{x}}`` for ``x, x, x``: one operation to Verilator, not three. Sign extensions are such lists."""
    return _REPEATED_BIT.sub(lambda match: f"{{{1 + match['more'].count(', ')}{{{match['bit']}}}}}", verilog)
