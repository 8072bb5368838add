"""What the virtual board's generated code is rid of, and what must stay."""

import pytest

from sim.board.lighten import with_replications, without_zero_contents

CELL = """  cell $meminit_v2 $1
    parameter \\WIDTH 4
    connect \\DATA {bits}
    connect \\EN 4'1111
  end
"""


def test_only_memories_of_zeros_lose_their_contents() -> None:
    kept = CELL.format(bits="8'00000100")
    assert without_zero_contents(CELL.format(bits="8'00000000") + kept) == kept
    assert without_zero_contents(kept + CELL.format(bits="8'00000000")) == kept


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{ a[3], a[3], a[3], a[3:1] }", "{ {3{a[3]}}, a[3:1] }"),
        ("{ \\x.y [7], \\x.y [7] }", "{ {2{\\x.y [7]}} }"),
        ("{ s, s }", "{ {2{s}} }"),
        ("{ a[1], a[2] }", "{ a[1], a[2] }"),
        ("{ ba, a }", "{ ba, a }"),
        ("{ a, a[3] }", "{ a, a[3] }"),
        ("{ a[1:0], a[1:0] }", "{ a[1:0], a[1:0] }"),
        ("f(b[2], b[2], b[2:0])", "f({2{b[2]}}, b[2:0])"),
    ],
)
def test_equal_bits_in_a_row_become_one_replication(before: str, after: str) -> None:
    assert with_replications(before) == after
