"""What became of the mutants: a table, the survivors as lines, and all of it as JSON."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from .mutations import Mutation
from .trial import Outcome

__all__ = ["Tried", "kill_rate", "print_report", "write_report"]

EQUIVALENT = "equivalent"

Tried = tuple[Mutation, str]
"""A mutation and the value of its `Outcome`, or `EQUIVALENT`."""

COLUMNS = (*(outcome.value for outcome in Outcome), EQUIVALENT)


def kill_rate(tried: Sequence[Tried]) -> float:
    """Share of the mutants that were noticed, equivalent ones not counted; 1 for none at all."""
    counts = Counter(outcome for _, outcome in tried)
    noticed = counts[Outcome.KILLED.value] + counts[Outcome.TIMED_OUT.value]
    total = noticed + counts[Outcome.SURVIVED.value]
    return noticed / total if total else 1.0


def print_report(tried: Sequence[Tried]) -> None:
    """A row a module, and below the survivors as a diff of one line."""
    modules = sorted({mutation.module for mutation, _ in tried})
    width = max((len(module) for module in modules), default=0)
    print(f"{'module':{width}}  " + "  ".join(f"{column:>10}" for column in COLUMNS) + "   kill rate")
    for module in [*modules, "all"]:
        rows = [one for one in tried if module in ("all", one[0].module)]
        counts = Counter(outcome for _, outcome in rows)
        numbers = "  ".join(f"{counts[column]:>10}" for column in COLUMNS)
        print(f"{module:{width}}  {numbers}   {kill_rate(rows):9.0%}")
    for mutation in survivors(tried):
        print(f"\n{mutation.module}:{mutation.line} ({mutation.operator})\n- {mutation.before}\n+ {mutation.after}")


def write_report(path: Path, seed: int, seconds: float, tried: Sequence[Tried]) -> None:
    """The same as JSON, replaced as a whole."""
    mutants = [
        {
            "module": mutation.module, "line": mutation.line, "operator": mutation.operator,
            "before": mutation.before, "after": mutation.after, "outcome": outcome,
        }
        for mutation, outcome in tried
    ]  # fmt: skip
    document = {"seed": seed, "seconds": round(seconds, 1), "kill_rate": round(kill_rate(tried), 4), "mutants": mutants}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def survivors(tried: Sequence[Tried]) -> list[Mutation]:
    """Those that no test noticed, in the order of their lines."""
    left = [mutation for mutation, outcome in tried if outcome == Outcome.SURVIVED.value]
    return sorted(left, key=lambda mutation: (mutation.module, mutation.line))
