"""``python -m mutants``: mutants of the Python floors against the tests of their units, until time is up."""

import argparse
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from .equivalents import is_equivalent
from .modules import MODULES, ROOT
from .mutations import Place, draw, mutate
from .report import EQUIVALENT, Tried, kill_rate, print_report, write_report
from .trial import Outcome, copy_tree, load_libraries, mutated, run_tests

BUILD = ROOT / "build"
LONGEST_UNMUTATED_S = 300.0
PLACES_A_ROUND = 10
"""Of a module at a time: its tests run once without a mutation first, which is worth some mutants."""
SLACK_S = 10.0
"""What a mutant may take beyond three times the unmutated tests: other work on the machine."""


def main() -> int:
    """Run the command; the exit status is 1 below the floor and 2 where tests fail without a mutation."""
    parser = argparse.ArgumentParser(prog="python -m mutants", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long (default 600)")
    parser.add_argument("--seed", type=int, default=1, help="which mutants (default 1)")
    parser.add_argument("--floor", type=float, default=0.0, help="share that must be noticed, 0 to 1 (default 0)")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="modules, like cost_model/costs.py (default all)")
    options = parser.parse_args()
    if unknown := sorted(set(options.modules) - set(MODULES)):
        parser.error(f"modules must be among those of tests/mutants/modules.py, not {unknown[0]!r}")
    started_s = time.monotonic()
    modules = options.modules or list(MODULES)
    try:
        tried = list(_trials(modules, options.seed, started_s + options.seconds))
    except UnmutatedError as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    print_report(tried)
    write_report(BUILD / "mutants.json", options.seed, time.monotonic() - started_s, tried)
    rate = kill_rate(tried)
    print(f"\n{rate:.0%} of {len(tried)} mutants noticed, the floor is {options.floor:.0%} (seed {options.seed})")
    return int(rate < options.floor)


class UnmutatedError(Exception):
    """Tests that fail on the code as it is say nothing about mutants."""


def _trials(modules: list[str], seed: int, end_s: float) -> Iterator[Tried]:
    """Mutants and what became of them, until the time is up or none is left."""
    tree, log = BUILD / "mutants" / "tree", BUILD / "mutants" / "tests.log"
    copy_tree(ROOT, tree)
    load_libraries()
    unmutated_s: dict[tuple[str, ...], float] = {}
    with tqdm(unit="mutant", desc="mutants", file=sys.stderr) as bar:
        for place in _sample(modules, tree, seed):
            if time.monotonic() >= end_s:
                return
            mutation = mutate(place, (tree / place.module).read_text("utf-8"))
            if mutation is None:
                continue
            bar.update()
            if is_equivalent(mutation):
                yield mutation, EQUIVALENT
                continue
            tests = MODULES[mutation.module]
            if tests not in unmutated_s:
                outcome, seconds = run_tests(tree, tests, LONGEST_UNMUTATED_S, log)
                if outcome is not Outcome.SURVIVED:
                    raise UnmutatedError(f"{', '.join(tests)} must pass without a mutation, see {log}")
                unmutated_s[tests] = seconds
            with mutated(tree / mutation.module, mutation.source):
                outcome, _ = run_tests(tree, tests, SLACK_S + 3 * unmutated_s[tests], log)
            yield mutation, outcome.value


def _sample(modules: list[str], tree: Path, seed: int) -> Iterator[Place]:
    """Places in rounds of `PLACES_A_ROUND` of every module, modules and places in random order."""
    order = random.Random(seed).sample(modules, len(modules))
    left: dict[str, list[Place]] = {}
    while modules_left := [module for module in order if left.get(module) != []]:
        for module in modules_left:
            if module not in left:
                # A generator of its own, so that a module alone gives the same mutants as among others.
                rng = random.Random(f"{seed} {module}")
                left[module] = draw(module, (tree / module).read_text("utf-8"), rng)
                rng.shuffle(left[module])
            taken, left[module] = left[module][:PLACES_A_ROUND], left[module][PLACES_A_ROUND:]
            yield from taken


if __name__ == "__main__":
    sys.exit(main())
