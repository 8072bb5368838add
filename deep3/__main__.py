"""``python -m deep3``: the command line, without its script on the path."""

import sys

from deep3.host.cli import main

sys.exit(main())
