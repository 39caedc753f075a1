"""`python -m media.demo`: takes the signals before anything else is imported."""

import sys

from media.demo.stopping import Stop

if __name__ == "__main__":
    stop = Stop()
    stop.take_signals()
    try:
        from media.demo.cli import run
    except ImportError as error:
        sys.exit(
            f"demo: {error.name}: expected to be installed, found none: run `make demo`, or "
            "install celery-sqs-fleet[local,media]"
        )
    sys.exit(run(stop))
