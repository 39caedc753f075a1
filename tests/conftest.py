"""What every test starts from, however the run itself was started."""

import signal

# A shell that starts a run in the background has it ignore Ctrl-C, and every process that a test
# starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
