"""``python -m benchmarks.scaling_stub N``: an AWS of N scaled queues, whose answers take 50 ms.

It answers what an engine asks in a tick in which nothing is to be done, out of texts made before
the tick, and 501 with its name to anything else: `GET /__asked` tells what was asked and what was
not known. `POST /__at` turns its clock. It does no more for a call than find its text, so that what
is measured is the engine: an event loop, one write an answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from ops.registry.names import ENGINE, node_item, queue_item
from ops.registry.values import moment, text, whole
from ops.registry.word import Word, said
from ops.scaling.memories import packed
from tests.faulty import action_of

ANSWER_SECONDS: Final = 0.05
INSTANCES: Final = 4
SLOTS: Final = 4
FLEET: Final = "bench"
#: A node ends a task this often: three run at once, each for three times as long.
_EVERY_SECONDS: Final = 20
_RECENT: Final = 32
_GROUPS_A_PAGE: Final = 100
#: What a Query reads before it answers with a key to go on from.
_PAGE_BYTES: Final = 1024 * 1024
_JSON: Final = "application/x-amz-json-1.0"


class Account:
    """The answers at one time, by action; pages are numbered by what asks for the next."""

    def __init__(self, queues: int) -> None:
        self.queues = [f"q{number}" for number in range(queues)]
        self.asked: Counter[str] = Counter()
        self.unknown: list[str] = []
        self._pages: dict[bool, list[bytes]] = {}
        self._groups: list[bytes] = []
        self._counts: dict[str, bytes] = {}
        self._ages = b""
        self._known: dict[str, Callable[[bytes], bytes | None]] = {
            "GetQueueUrl": self._url,
            "GetQueueAttributes": self._counted,
            "DescribeAutoScalingGroups": self._described,
            "GetMetricData": lambda _: self._ages,
            "Query": self._query,
            "UpdateItem": self._update,
            "TransactWriteItems": lambda _: b"{}",
        }

    def turn(self, now: float, memory: str) -> None:
        """Make the answers of `now`, and begin to count anew."""
        self.asked.clear()
        names = enumerate(self.queues)
        self._counts = {f"{FLEET}-{queue}": _counts(number, now) for number, queue in names}
        self._ages = _ages(len(self.queues), now)
        self._groups = [
            _groups(self.queues[first : first + _GROUPS_A_PAGE], first, len(self.queues))
            for first in range(0, len(self.queues), _GROUPS_A_PAGE)
        ]
        items = [_node(queue, number, now) for queue in self.queues for number in range(INSTANCES)]
        memories = [
            {"item": text(queue_item(queue)), "memory": text(_memory(memory, queue))}
            for queue in self.queues
        ]
        self._pages = {False: _pages(items), True: _pages([*items, *memories])}

    def answer(self, action: str, body: bytes) -> bytes | None:
        """Return what AWS would say; None where it is not known here."""
        self.asked[action] += 1
        known = self._known.get(action)
        return None if known is None else known(body)

    def _url(self, body: bytes) -> bytes:
        name = json.loads(body)["QueueName"]
        return json.dumps({"QueueUrl": f"http://sqs/1/{name}"}).encode()

    def _counted(self, body: bytes) -> bytes | None:
        return self._counts.get(json.loads(body)["QueueUrl"].rpartition("/")[2])

    def _described(self, body: bytes) -> bytes:
        page = body.partition(b"NextToken=")[2].partition(b"&")[0]
        return self._groups[int(page or 0)]

    def _query(self, body: bytes) -> bytes:
        asked = json.loads(body)
        start = asked.get("ExclusiveStartKey", {}).get("page", {}).get("N", 0)
        whole_table = "item" not in asked["ExpressionAttributeNames"].values()
        return self._pages[whole_table][int(start)]

    def _update(self, body: bytes) -> bytes | None:
        asked = json.loads(body)
        if asked["Key"]["item"] != text(ENGINE):
            return None
        values = asked["ExpressionAttributeValues"]
        lease = {"holder": values[":holder"], "expires": values[":expires"], "generation": whole(1)}
        return json.dumps({"Attributes": lease}).encode()


def _node(queue: str, number: int, now: float) -> dict[str, Any]:
    turn = int(now) // _EVERY_SECONDS
    ended = [turn * _EVERY_SECONDS - n * _EVERY_SECONDS for n in range(_RECENT)]
    word = Word(
        busy=3,
        slots=SLOTS,
        paused=False,
        release="2026.11.3-1a2b3c4",
        started=tuple(float(at) for at in ended[:3]),
        recent=tuple((float(at), 60.0) for at in reversed(ended)),
        begun=turn % 100_000,
        longest_wait=1.5,
    )
    id = _id(int(queue[1:]), number)
    return {
        "item": text(node_item(queue, id)),
        **said(word, now - 3 - number),
        "group": text(f"{FLEET}-{queue}"),
        "joined_at": moment(now - 7_200),
        "session": text(f"s-{id}"),
    }


def _memory(template: str, queue: str) -> str:
    """Return a queue's memory as the registry has it: of its own nodes."""
    for number in range(INSTANCES):
        template = template.replace(node_name(number), _id(int(queue[1:]), number))
    return packed(template)


def node_name(number: int) -> str:
    """Return what stands for a queue's node in the memory that `turn` is given."""
    return f"NODE{number}"


def _id(queue: int, number: int) -> str:
    return f"i-{queue:013x}{number:04x}"


def _pages(items: list[dict[str, Any]]) -> list[bytes]:
    pages: list[list[dict[str, Any]]] = [[]]
    size = 0
    for item in sorted(items, key=lambda each: each["item"]["S"]):
        there = {"fleet": text(FLEET), **item}
        size += sum(len(name) + len(str(*value.values())) for name, value in there.items())
        if size > _PAGE_BYTES:
            pages.append([])
            size = 0
        pages[-1].append(there)
    last = len(pages) - 1
    return [
        json.dumps(
            {
                "Items": page,
                "Count": len(page),
                **({} if n == last else {"LastEvaluatedKey": {"page": whole(n + 1)}}),
            }
        ).encode()
        for n, page in enumerate(pages)
    ]


def _counts(number: int, now: float) -> bytes:
    found = {
        "ApproximateNumberOfMessages": str((number + int(now) // 15) % 3),
        "ApproximateNumberOfMessagesNotVisible": str(3 * INSTANCES),
        "ApproximateNumberOfMessagesDelayed": "0",
    }
    return json.dumps({"Attributes": found}).encode()


def _ages(queues: int, now: float) -> bytes:
    at = int(now // 60) * 60 - 60
    results = [
        {"Id": f"q{n}", "Timestamps": [at], "Values": [1.0], "StatusCode": "Complete"}
        for n in range(queues)
    ]
    return json.dumps({"MetricDataResults": results, "Messages": []}).encode()


def _groups(queues: list[str], first: int, of: int) -> bytes:
    members = "".join(_group(queue, first + n) for n, queue in enumerate(queues))
    following = first // _GROUPS_A_PAGE + 1
    token = f"<NextToken>{following}</NextToken>" if first + len(queues) < of else ""
    return (
        "<DescribeAutoScalingGroupsResponse>"
        f"<DescribeAutoScalingGroupsResult><AutoScalingGroups>{members}</AutoScalingGroups>{token}"
        "</DescribeAutoScalingGroupsResult><ResponseMetadata><RequestId>1</RequestId>"
        "</ResponseMetadata></DescribeAutoScalingGroupsResponse>"
    ).encode()


def _group(queue: str, number: int) -> str:
    instances = "".join(
        f"<member><InstanceId>{_id(number, n)}</InstanceId><InstanceType>c7g.large</InstanceType>"
        "<AvailabilityZone>eu-west-1a</AvailabilityZone><LifecycleState>InService</LifecycleState>"
        "<HealthStatus>Healthy</HealthStatus><LaunchTemplate><LaunchTemplateId>lt-0123456789abcdef0"
        "</LaunchTemplateId><LaunchTemplateName>workers</LaunchTemplateName><Version>7</Version>"
        "</LaunchTemplate><ProtectedFromScaleIn>false</ProtectedFromScaleIn></member>"
        for n in range(INSTANCES)
    )
    tags = "".join(
        f"<member><ResourceId>{FLEET}-{queue}</ResourceId><ResourceType>auto-scaling-group"
        f"</ResourceType><Key>{key}</Key><Value>{value}</Value><PropagateAtLaunch>true"
        "</PropagateAtLaunch></member>"
        for key, value in (("fleet:name", FLEET), ("fleet:queue", queue))
    )
    return (
        f"<member><AutoScalingGroupName>{FLEET}-{queue}</AutoScalingGroupName><AutoScalingGroupARN>"
        f"arn:aws:autoscaling:eu-west-1:1:autoScalingGroup:{number}:{FLEET}-{queue}"
        f"</AutoScalingGroupARN><MinSize>{INSTANCES}</MinSize><MaxSize>40</MaxSize><DesiredCapacity>"
        f"{INSTANCES}</DesiredCapacity><DefaultCooldown>300</DefaultCooldown><AvailabilityZones>"
        "<member>eu-west-1a</member></AvailabilityZones><HealthCheckType>EC2</HealthCheckType>"
        f"<Instances>{instances}</Instances><CreatedTime>2026-11-01T00:00:00Z</CreatedTime>"
        f"<SuspendedProcesses/><Tags>{tags}</Tags></member>"
    )


class Connection(asyncio.Protocol):
    """One connection: requests one after another, each answered when its time has come."""

    def __init__(self, account: Account, loop: asyncio.AbstractEventLoop) -> None:
        self._account, self._loop = account, loop
        self._heard = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while (end := self._heard.find(b"\r\n\r\n")) >= 0:
            first, *lines = bytes(self._heard[:end]).decode().split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
            there = end + 4 + int(headers.get("content-length", 0))
            if len(self._heard) < there:
                return
            body = bytes(self._heard[end + 4 : there])
            del self._heard[:there]
            self._answer(first.split(" ")[1], headers, body)

    def _answer(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        account, wait = self._account, ANSWER_SECONDS
        told: bytes | None
        if path == "/__at":
            asked = json.loads(body)
            account.turn(asked["now"], asked["memory"])
            told, wait = b"{}", 0.0
        elif path == "/__asked":
            told = json.dumps({"asked": account.asked, "unknown": account.unknown}).encode()
            wait = 0.0
        else:
            action = action_of(headers.get("x-amz-target", ""), path, body)
            told = account.answer(action, body)
            if told is None:
                account.unknown.append(action or path)
        status = "200 OK" if told is not None else "501 Not Implemented"
        kind = "text/xml" if told is not None and told.startswith(b"<") else _JSON
        data = b"{}" if told is None else told
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n"
        self._loop.call_later(wait, self._transport.write, head.encode() + data)


async def _serve(queues: int) -> None:
    loop = asyncio.get_running_loop()
    account = Account(queues)
    server = await loop.create_server(
        lambda: Connection(account, loop), "127.0.0.1", 0, backlog=512
    )
    print(f"ready http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
