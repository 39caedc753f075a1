"""A node's own item in the registry: it says its word there, and hears what is wanted of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING

from ops.registry.changes import key, names_in
from ops.registry.names import TEXT_AT_MOST_CHARACTERS, node_item
from ops.registry.table import Table, code_of
from ops.registry.values import moment, text
from ops.registry.word import MAY_LACK, Heard, Word, read_heard, said
from ops.scaling.model import Wanted

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from ops.registry.table import Answer
    from ops.registry.values import Value

_OURS = "#session = :session"


class NodeItem:
    """One node's item, for one process of one thread. Every call may raise OpsError.

    Each process that speaks for a node has a session of its own. The one that registered last
    speaks; what another still had on its way is refused.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        fleet: str,
        queue: str,
        node_id: str,
        *,
        group: str = "",
        rng: Random | None = None,
    ) -> None:
        self._table = Table(client, table, fleet, Random() if rng is None else rng)  # noqa: S311
        self._item = node_item(queue, node_id)
        self._group = group[:TEXT_AT_MOST_CHARACTERS]
        self._session = uuid.uuid4().hex[:12]
        self._registered = False
        self._heard = Heard()

    def report(self, word: Word, now: float) -> Heard:
        """Say the node's word and return what is wanted of it: one UpdateItem.

        The first word registers the node: what was wanted of it and a claim stay, what it
        confirmed does not. A word of a node that is not idle withdraws its confirmation too. An
        item that is gone is made anew, with what was last heard; a claimed node's is not.
        """
        with self._table.errors("speaking to"):
            if self._registered:
                answer = self._say(word, now)
                if answer.written:
                    return self._hear(answer)
                if answer.item is None and self._heard.claimed:
                    return self._heard
                self._registered = False
            answer = self._register(word, now)
            self._registered = True
            return self._hear(answer)

    def confirm(self, token: str, word: Word, now: float) -> Heard:
        """Confirm "paused, idle, this token" together with the word that says so.

        It was confirmed where the answer's `confirmed` is the token. Else something else is wanted
        by now, which the answer says. Raises ValueError for a word that is not idle.
        """
        if not word.idle:
            raise ValueError(f"expected a word of a paused and idle node, got {word.busy} busy")
        values = {":token": text(token), ":pause": text(Wanted.PAUSE)}
        condition = f"{_OURS} AND #wanted = :pause AND #token = :token"  # claimed: it is `end`
        with self._table.errors("confirming to"):
            answer = self._write(
                word, now, sets=["#confirmed = :token"], condition=condition, values=values
            )
            # Where the item is gone, the next word registers with what was last heard.
            return self._heard if answer.item is None else self._hear(answer)

    def withdraw(self) -> Heard:
        """Take the node back, by an operator's hand, before it is resumed.

        It is wanted to run then, and what it confirmed is void. Where the answer is `claimed`, it
        stays paused: it is being ended.
        """
        with self._table.errors("withdrawing from"):
            answer = self._table.update(
                self._item,
                "SET #wanted = :run, #token = :token REMOVE #confirmed",
                "attribute_exists(#item) AND attribute_not_exists(#claimed_at)",
                {":run": text(Wanted.RUN), ":token": text(f"withdrawn-{uuid.uuid4().hex[:8]}")},
            )
            if answer.item is None and not self._heard.claimed:
                self._heard = Heard()  # no item, no claim: nothing is asked of it any more
            return self._heard if answer.item is None else self._hear(answer)

    def leave(self) -> bool:
        """Delete the item, as the last word; False where it is claimed or another's.

        A claim outlives its node: it says that a decrementing call has been made or may be.
        """
        from botocore.exceptions import ClientError  # noqa: PLC0415

        condition = f"{_OURS} AND attribute_not_exists(#claimed_at)"
        with self._table.errors("leaving"):
            try:
                self._table.client.delete_item(
                    TableName=self._table.name,
                    Key=key(self._table.fleet, self._item),
                    ConditionExpression=condition,
                    ExpressionAttributeNames=names_in(condition),
                    ExpressionAttributeValues={":session": {"S": self._session}},
                )
            except ClientError as error:
                if code_of(error) != "ConditionalCheckFailedException":
                    raise
                return False
        self._registered = False
        self._heard = Heard()
        return True

    def _say(self, word: Word, now: float) -> Answer:
        removes = [] if word.idle else ["#confirmed"]
        return self._write(word, now, removes=removes, condition=_OURS)

    def _register(self, word: Word, now: float) -> Answer:
        sets = [
            "#session = :session",
            "#group = :group",
            "#joined_at = if_not_exists(#joined_at, :now)",
        ]
        values = {":group": text(self._group), ":now": moment(now)}
        if self._heard.token:
            # The item was deleted: what is asked of this node is asked still.
            sets += [f"#{name} = if_not_exists(#{name}, :{name})" for name in ("wanted", "token")]
            values |= {":wanted": text(self._heard.wanted), ":token": text(self._heard.token)}
        return self._write(word, now, sets=sets, removes=["#confirmed"], values=values)

    def _write(
        self,
        word: Word,
        now: float,
        *,
        sets: Sequence[str] = (),
        removes: Sequence[str] = (),
        condition: str | None = None,
        values: Mapping[str, Value] | None = None,
    ) -> Answer:
        spoken = said(word, now)
        gone = [*removes, *(f"#{name}" for name in MAY_LACK if name not in spoken)]
        update = f"SET {', '.join([*(f'#{name} = :{name}' for name in spoken), *sets])}"
        update += f" REMOVE {', '.join(gone)}" if gone else ""
        return self._table.update(
            self._item,
            update,
            condition,
            {
                **{f":{name}": value for name, value in spoken.items()},
                ":session": text(self._session),
                **(values or {}),
            },
        )

    def _hear(self, answer: Answer) -> Heard:
        self._heard = Heard() if answer.item is None else read_heard(answer.item)
        return self._heard
