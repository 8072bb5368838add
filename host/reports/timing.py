"""A report of synthesis, place and route in words and columns."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["critical_path_words", "register_name", "timing_table"]

MODELLED = {"multipliers": "MULT18X18D", "block_rams": "DP16KD", "luts": "TRELLIS_COMB", "flip_flops": "TRELLIS_FF"}


def register_name(cell: str) -> str:
    """Name of the register in the name of a flip-flop as Yosys makes it."""
    return cell.split("_TRELLIS_FF", maxsplit=1)[0]


def critical_path_words(path: Sequence[Sequence[Any]]) -> str:
    """The critical path in a line: its ends, its length, and what of it is routing."""
    if not path:
        return "critical path: none"
    routing_ns = sum(delay for _, _, delay, kind in path if kind == "routing")
    total_ns = sum(delay for _, _, delay, _ in path)
    levels = sum(kind == "logic" for _, _, _, kind in path)
    ends = f"{register_name(path[0][0])} to {register_name(path[-1][1])}"
    return f"critical path: {ends}, {total_ns:.2f} ns, {routing_ns:.2f} ns of it routing, {levels} levels of logic"


def timing_table(report: Mapping[str, Any]) -> list[str]:
    """Cells used and available beside their prediction where there is one, then frequencies, a line each."""
    predicted = {MODELLED[name]: count for name, count in report["predicted"].items()}
    lines = [f"{'cells':<22} {'used':>8} {'there':>8} {'predicted':>10}"]
    for name, (used, there) in report["utilisation"].items():
        lines.append(f"{name:<22} {used:>8} {there:>8} {predicted.get(name, ''):>10}")
        if name == "TRELLIS_FF":
            lines.append(f"{'  and in block RAM':<22} {report['registers_in_block_ram']:>8}")
    lines.append(f"{'clock':<22} {'MHz':>8} {'wanted':>8}")
    for name, (achieved, wanted) in report["clocks"].items():
        lines.append(f"{name:<22} {achieved / 1e6:>8.1f} {wanted / 1e6:>8.1f}")
    return lines
