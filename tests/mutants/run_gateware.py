"""``python -m mutants.run_gateware``: faults of the gateware against the test of their unit, until time is up."""

import argparse
import json
import os
import random
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from .gateware import GATEWARE_MUTATIONS, GatewareMutation
from .modules import ROOT
from .trial import Outcome, copy_tree, load_libraries, mutated, run_tests

BUILD = ROOT / "build"
FOLDER = BUILD / "mutants-gateware"
LONGEST_S = 600.0
"""Of a test, with a fault or without: simulations and proofs on a busy machine."""

Tried = tuple[GatewareMutation, Outcome, float]
"""A fault, what became of it, and the seconds that took."""


def main() -> int:
    """Run the command; the exit status is 1 where a fault survived and 2 where a test fails without one."""
    parser = argparse.ArgumentParser(prog="python -m mutants.run_gateware", description=__doc__)
    parser.add_argument("--sample", type=int, default=8, metavar="N", help="how many (default 8)")
    parser.add_argument("--seconds", type=float, default=600.0, help="start none after that time (default 600)")
    parser.add_argument("--seed", type=int, default=1, help="which (default 1)")
    known = sorted({mutation.unit for mutation in GATEWARE_MUTATIONS})
    parser.add_argument("units", nargs="*", metavar="UNIT", help=f"of these units only: {', '.join(known)}")
    options = parser.parse_args()
    if unknown := sorted(set(options.units) - set(known)):
        parser.error(f"units must be among {', '.join(known)}, not {unknown[0]!r}")
    started_s = time.monotonic()
    wanted = [mutation for mutation in GATEWARE_MUTATIONS if not options.units or mutation.unit in options.units]
    drawn = random.Random(options.seed).sample(wanted, min(max(options.sample, 0), len(wanted)))
    try:
        tried = list(_trials(drawn, started_s + options.seconds))
    except UnmutatedError as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(FOLDER / "cache", ignore_errors=True)
    _print_report(tried)
    _write_report(BUILD / "mutants_gateware.json", options.seed, tried)
    survived = sum(outcome is Outcome.SURVIVED for _, outcome, _ in tried)
    of_them = f"{len(tried)} of {len(drawn)} faults of the gateware tried, {survived} survived"
    print(f"\n{of_them} (seed {options.seed}, {time.monotonic() - started_s:.0f} s)")
    return int(survived > 0)


class UnmutatedError(Exception):
    """A test that fails on the gateware as it is says nothing about faults."""


def _trials(drawn: Sequence[GatewareMutation], end_s: float) -> Iterator[Tried]:
    tree, log = FOLDER / "tree", FOLDER / "tests.log"
    copy_tree(ROOT, tree)
    load_libraries()
    passed: set[str] = set()
    for mutation in tqdm(drawn, unit="fault", desc="gateware", file=sys.stderr):
        if time.monotonic() >= end_s:
            return
        if mutation.test not in passed:
            outcome, _ = run_tests(tree, (mutation.test,), LONGEST_S, log)
            if outcome is not Outcome.SURVIVED:
                raise UnmutatedError(f"{mutation.test} must pass without a fault, see {log}")
            passed.add(mutation.test)
        # What is built of a faulty unit is of no use to anyone afterwards.
        with mutated(tree / mutation.file, mutation.applied(tree)), _cache_at(FOLDER / "cache"):
            outcome, seconds = run_tests(tree, (mutation.test,), LONGEST_S, log)
        yield mutation, outcome, seconds


class _cache_at:
    """Compiled simulations go to this folder while the ``with`` lasts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        self._before = os.environ.get("XDG_CACHE_HOME")
        os.environ["XDG_CACHE_HOME"] = str(self._folder)

    def __exit__(self, *_: object) -> None:
        del os.environ["XDG_CACHE_HOME"]
        if self._before is not None:
            os.environ["XDG_CACHE_HOME"] = self._before


def _print_report(tried: Sequence[Tried]) -> None:
    """A row a fault."""
    rows = sorted(tried, key=lambda one: (one[0].unit, one[0].file))
    unit, file, test = (
        max((len(getattr(mutation, name)) for mutation, _, _ in rows), default=0) for name in ("unit", "file", "test")
    )
    for mutation, outcome, seconds in rows:
        place = f"{mutation.unit:{unit}}  {mutation.file:{file}}  {mutation.test:{test}}"
        print(f"{outcome.value:9}  {seconds:5.0f} s  {place}  {mutation.before} -> {mutation.after or 'nothing'}")


def _write_report(path: Path, seed: int, tried: Sequence[Tried]) -> None:
    """The same as JSON, replaced as a whole."""
    faults = [
        {**asdict(mutation), "outcome": outcome.value, "seconds": round(seconds, 1)}
        for mutation, outcome, seconds in tried
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"seed": seed, "faults": faults}, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


if __name__ == "__main__":
    sys.exit(main())
