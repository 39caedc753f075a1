"""A strict SQS over real HTTP, for the project's tests and benchmarks; see its README."""

from tests.sqs.control import CallRecord, Calls, Control, ControlError, Counts, PeekedMessage
from tests.sqs.faults import Fault
from tests.sqs.handle import StrictSqs, StrictSqsProcess

__all__ = [
    "CallRecord",
    "Calls",
    "Control",
    "ControlError",
    "Counts",
    "Fault",
    "PeekedMessage",
    "StrictSqs",
    "StrictSqsProcess",
]
