"""A function's process: takes events on stdin, answers on the descriptor that it is told of.

It is run as a file and imports nothing of this project, so that what the function imports comes
from its own code first: ``python run.py DESCRIPTOR CODE HANDLER``. Each line of stdin is
{"event", "request_id", "deadline", "arn", "memory"}, `deadline` in seconds since the epoch; each
answer a line {"result"} or {"error", "type", "trace"}.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Mapping
from typing import Any


class Context:
    """What a handler gets beside its event ("AWS Lambda context object in Python")."""

    def __init__(self, asked: Mapping[str, Any], name: str) -> None:
        self.function_name = name
        self.function_version = "$LATEST"
        self.invoked_function_arn = asked["arn"]
        self.memory_limit_in_mb = str(asked["memory"])
        self.aws_request_id = asked["request_id"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = None
        self.client_context = None
        self._deadline = float(asked["deadline"])

    def get_remaining_time_in_millis(self) -> int:
        """Return how long it is until the process is killed."""
        return max(0, int((self._deadline - time.time()) * 1000))


def main() -> None:
    """Import the handler once, then call it for each line until stdin ends."""
    descriptor, code, handler = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    sys.path[0] = code
    module, _, name = handler.rpartition(".")
    called: Any = None
    with os.fdopen(descriptor, "w") as answers:
        for line in sys.stdin:
            asked = json.loads(line)
            try:
                if called is None:
                    called = getattr(importlib.import_module(module.replace("/", ".")), name)
                context = Context(asked, os.environ["AWS_LAMBDA_FUNCTION_NAME"])
                text = json.dumps({"result": called(asked["event"], context)})
            except BaseException as error:
                trace = traceback.format_exc()
                sys.stderr.write(f"[ERROR] {trace}")
                told = {"error": str(error), "type": type(error).__name__, "trace": trace}
                text = json.dumps(told)
            sys.stdout.flush()
            sys.stderr.flush()
            answers.write(text + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
