"""Makes generated code lighter before Verilator reads it: a quicker build, and less to compute in each cycle."""

import re
from collections import Counter

__all__ = ["with_direct_registers", "with_replications", "without_zero_contents"]

_ZERO_CONTENTS = re.compile(r"  cell \$meminit_v2 \S+\n(?:    .*\n)*?    connect \\DATA \d+'0+\n(?:    .*\n)*?  end\n")
_REPEATED_BIT = re.compile(
    r"(?<![\w$\\.\]])(?P<bit>(?:\\\S+ |[A-Za-z_][\w$]*)(?:\s?\[\d+\])?)(?P<more>(?:, (?P=bit))+)(?=[,\s}])"
)
_NAME = r"\\\S+ "
_NEXT_VALUE = re.compile(
    rf"  always @\* begin\n    if \(\S+ \) begin end\n    (?P<next>{_NAME}) = (?P<register>{_NAME});\n"
    r"(?P<choices>(?:    .*\n)*?)  end\n"
)
_REGISTER = re.compile(
    rf"  always @\(posedge (?P<clock>{_NAME})\)\n    (?P<register>{_NAME}) <= (?P<next>{_NAME});\n"
)


def without_zero_contents(rtlil: str) -> str:
    """Drops the contents of memories that start as zeros.

    Verilated memories do so anyway, and a line of Verilog for each word would take most of the build.
    """
    return _ZERO_CONTENTS.sub("", rtlil)


def with_replications(verilog: str) -> str:
    """``{3{x}}`` for ``x, x, x``: one operation to Verilator, not three. Sign extensions are such lists."""
    return _REPEATED_BIT.sub(lambda match: f"{{{1 + match['more'].count(', ')}{{{match['bit']}}}}}", verilog)


def with_direct_registers(verilog: str) -> str:
    """``if (enable) q <= d;`` where a next value begins as ``q``, may become ``d``, and goes to ``q`` with the clock.

    Verilator then writes a register where it changes, without a copy of it in every cycle. Next values that something
    else reads stay as they are.
    """
    uses = Counter(re.findall(_NAME, verilog))
    registers = {match["next"]: match for match in _REGISTER.finditer(verilog)}
    direct = set()

    def written(match: re.Match[str]) -> str:
        target, register = match["next"], match["register"]
        clocked = registers.get(target)
        # Beside this block, its declaration and the register.
        if clocked is None or clocked["register"] != register or uses[target] != match[0].count(target) + 2:
            return match[0]
        assignment = re.compile(rf"^( *){re.escape(target)}((?:\[[0-9:]+\])?) = ", re.MULTILINE)
        choices = assignment.sub(lambda found: f"{found[1]}{register}{found[2]} <= ", match["choices"])
        if target in choices:
            return match[0]
        direct.add(target)
        return f"  always @(posedge {clocked['clock']}) begin\n{choices}  end\n"

    verilog = _NEXT_VALUE.sub(written, verilog)
    return _REGISTER.sub(lambda match: "" if match["next"] in direct else match[0], verilog)
