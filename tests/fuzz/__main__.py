"""``python -m fuzz``: every reader of foreign bytes and a virtual board, until time is up or one does not survive."""

import argparse
import random
import sys
import time
import warnings
from collections import Counter

from recorded_board import recorded_library
from small_network import CONFIG

from .live_board import make_board, shoot
from .run import fuzz

ROUND_S = 30.0


def main() -> int:
    """Run the command; the exit status is 1 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0, help="how long (default 3600)")
    parser.add_argument("--seed", type=int, default=None, help="of the first round (default: drawn)")
    options = parser.parse_args()
    # Numbers out of any range make numpy warn, which is not what is looked for.
    warnings.simplefilter("ignore")
    seed = random.SystemRandom().randrange(1 << 32) if options.seed is None else options.seed
    # Built here, for a case of a reader must not take as long as this.
    recorded_library(CONFIG)
    total: Counter[str] = Counter()
    end_s = time.monotonic() + options.seconds
    with make_board() as virtual:
        while (left_s := end_s - time.monotonic()) > 0:
            print(f"seed {seed}, {left_s:.0f} s left", flush=True)
            try:
                total["datagrams"] += shoot(virtual, seed, min(ROUND_S, left_s) / 4)
                total.update(fuzz(seed, min(ROUND_S, left_s) * 3 / 4))
            except (AssertionError, OSError) as failure:
                print(f"found with seed {seed}: {failure}", flush=True)
                return 1
            seed += 1
    print("nothing found: " + ", ".join(f"{count} {name}" for name, count in total.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
