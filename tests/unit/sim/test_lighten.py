"""What the virtual board's generated code is rid of, and what must stay."""

import pytest

from deep3.sim.board.lighten import with_direct_registers, with_replications, without_zero_contents

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


DECLARED = "  reg [3:0] \\$next ;\n"
CHOICE = """  always @* begin
    if (\\$auto$1 ) begin end
    \\$next  = \\unit.q ;
    if (\\unit.load ) begin
      \\$next  = \\unit.d ;
      \\$next [0] = 1'h1;
    end
  end
"""
REGISTER = """  always @(posedge \\unit.clk )
    \\unit.q  <= \\$next ;
"""
OTHER = """  always @(posedge \\unit.clk )
    \\unit.r  <= \\unit.q ;
"""


@pytest.mark.parametrize("order", [REGISTER + OTHER + CHOICE, CHOICE + OTHER + REGISTER], ids=["before", "behind"])
def test_a_register_that_keeps_its_value_is_written_where_it_changes(order: str) -> None:
    direct = """  always @(posedge \\unit.clk ) begin
    if (\\unit.load ) begin
      \\unit.q  <= \\unit.d ;
      \\unit.q [0] <= 1'h1;
    end
  end
"""
    assert with_direct_registers(DECLARED + order) == DECLARED + order.replace(REGISTER, "").replace(CHOICE, direct)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\\unit.r  <= \\unit.q ", "\\unit.r  <= \\$next "),
        ("\\$next  = \\unit.q ;", "\\$next  = \\unit.r ;"),
        ("  <= \\$next ;", "  <= \\unit.d ;"),
        ("= \\unit.d ;", "= \\$next  + 4'h1 ;"),
    ],
    ids=["read elsewhere", "begins as another", "goes nowhere", "read in its block"],
)
def test_other_choices_stay(old: str, new: str) -> None:
    text = DECLARED + REGISTER + OTHER + CHOICE
    assert old in text
    changed = text.replace(old, new)
    assert with_direct_registers(changed) == changed
