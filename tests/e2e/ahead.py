"""`ops` whose monotonic clock a test turns: `python -m tests.e2e.ahead FILE ops-arguments...`.

Sleeps and time limits of the kernel last as long as ever; who looks at the clock finds it ahead by
as many seconds as FILE says.
"""

import sys
import time
from pathlib import Path

from ops.cli import main
from tests.e2e.turned import Turned

if __name__ == "__main__":
    real, clock = time.monotonic, Turned(Path(sys.argv[1]))
    time.monotonic = lambda: real() + clock.offset_seconds
    main(sys.argv[2:])
