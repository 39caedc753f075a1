"""`ops` under a clock that a test turns: `python -m tests.e2e.turned_ops FILE ops-arguments...`.

A sleep is cut short, so that a turn is noticed at once instead of within the half minute after
which a runner looks by itself.
"""

import sys
import time
from pathlib import Path

from ops.cli import main
from tests.e2e.turned import Turned

_LONGEST_SECONDS = 0.1

if __name__ == "__main__":
    real_sleep = time.sleep
    time.time = Turned(Path(sys.argv[1])).time
    time.sleep = lambda seconds: real_sleep(min(seconds, _LONGEST_SECONDS))
    main(sys.argv[2:])
