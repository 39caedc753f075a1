"""Mends of moto's DynamoDB, for the process that serves it.

moto 5.2 answers in many threads without a lock: of two conditional writes to one item both can
succeed, and a reader can meet half a write. DynamoDB serialises what touches an item. Around a
transaction moto copies whole tables, which takes seconds at thousands of items, and it knows no
idempotency token: a transaction whose answer was lost would be refused when it is sent again.
"""

from __future__ import annotations

import copy
import functools
import threading
import time
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.dynamodb.comparisons import get_filter_expression
from moto.dynamodb.exceptions import (
    MultipleTransactionsException,
    TooManyTransactionsException,
    TransactionCanceledException,
)
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.responses import DynamoHandler

#: How long a token stands for the transaction it came with (API Reference, ClientRequestToken).
_TOKEN_SECONDS = 600.0
_OPERATIONS_AT_MOST = 100


def mend() -> None:
    """Let one call at a time into moto's DynamoDB in this process, and mend its transactions."""
    DynamoHandler.call_action = _exclusive(DynamoHandler.call_action, threading.RLock())
    DynamoHandler.transact_write_items = _once_a_token(DynamoHandler.transact_write_items, {})
    DynamoDBBackend.transact_write_items = _transact_write_items


def _exclusive(original: Callable[..., Any], lock: threading.RLock) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        with lock:
            return original(*args, **kwargs)

    return call


def _once_a_token(original: Callable[[Any], Any], done: dict[str, float]) -> Callable[[Any], Any]:
    @functools.wraps(original)
    def call(handler: Any) -> Any:
        token, now = handler.body.get("ClientRequestToken"), time.monotonic()
        for old in [each for each, at in done.items() if now - at > _TOKEN_SECONDS]:
            del done[old]
        if token in done:
            return ActionResult({})
        result = original(handler)
        if token is not None:
            done[token] = now
        return result

    return call


def _transact_write_items(backend: Any, transact_items: list[dict[str, dict[str, Any]]]) -> None:
    """Check every condition, then write; no two operations may be on one item."""
    if len(transact_items) > _OPERATIONS_AT_MOST:
        raise TooManyTransactionsException
    operations = [next(iter(each.items())) for each in transact_items]
    places = [_place(backend, operation) for _, operation in operations]
    if len({str(place) for place in places}) < len(places):
        raise MultipleTransactionsException
    before = [backend.get_item(*place) for place in places]
    reasons = [_refusal(op, item) for (_, op), item in zip(operations, before, strict=True)]
    if any(code is not None for code, _, _ in reasons):
        raise TransactionCanceledException(reasons)
    before = copy.deepcopy(before)
    for i, (kind, operation) in enumerate(operations):
        try:
            _write(backend, kind, operation, places[i])
        except Exception as error:  # such as an expression that is none
            for place, item in zip(places, before, strict=True):
                _restore(backend, place, item)
            reasons[i] = ("ValidationError", str(error), None)
            raise TransactionCanceledException(reasons) from error


def _place(backend: Any, operation: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    table = backend.get_table(operation["TableName"])
    names = sorted(name for name in (table.hash_key_attr, table.range_key_attr) if name)
    key = operation.get("Key") or operation["Item"]
    return operation["TableName"], {name: key[name] for name in names}


def _refusal(operation: dict[str, Any], item: Any) -> tuple[Any, Any, Any]:
    condition = get_filter_expression(
        operation.get("ConditionExpression"),
        operation.get("ExpressionAttributeNames"),
        operation.get("ExpressionAttributeValues"),
    )
    if condition.expr(item):
        return None, None, None
    shown = operation.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and item is not None
    attributes = copy.deepcopy(item.to_json()["Attributes"]) if shown else None
    return "ConditionalCheckFailed", "The conditional request failed", attributes


def _write(backend: Any, kind: str, operation: dict[str, Any], place: Any) -> None:
    match kind:
        case "Put":
            backend.put_item(operation["TableName"], operation["Item"])
        case "Delete":
            backend.delete_item(*place)
        case "Update":
            backend.update_item(
                *place,
                update_expression=operation["UpdateExpression"],
                expression_attribute_names=operation.get("ExpressionAttributeNames"),
                expression_attribute_values=operation.get("ExpressionAttributeValues"),
            )


def _restore(backend: Any, place: tuple[str, dict[str, Any]], item: Any) -> None:
    if item is None:
        backend.delete_item(*place)
    else:
        backend.put_item(place[0], item.to_json()["Attributes"])
