"""A fleet of queues with a group each on the local AWS, for the tests of signals and of acting."""

from __future__ import annotations

import datetime as dt
import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import boto3
import pytest
from botocore.config import Config

from ops.aws import unattended
from ops.local.aws import local_environment
from ops.registry.node import NodeItem
from ops.registry.registry import Registry
from ops.registry.word import Word
from ops.scaling.settings import Settings
from ops.scaling.signals import Clients, Signals
from tests.faulty import Faulty
from worker.fleet import Fleet, Queue

REGION = "eu-west-1"
ACCOUNTS = itertools.count(1)
TAGS = ("fleet:name", "fleet:queue")


@contextmanager
def environment_of(url: str) -> Iterator[None]:
    """Have clients of this process reach the AWS at `url`, and no other."""
    wanted = local_environment(url, {})
    with pytest.MonkeyPatch.context() as patch:
        for name, value in wanted.items():
            patch.setenv(name, value)
        yield


@dataclass
class Account:
    """A fleet, with a proxy before its AWS. `url` is the AWS's own, for what is not counted."""

    url: str
    proxy: Faulty
    queues: Sequence[str]
    ecs: bool = False
    name: str = field(default_factory=lambda: f"scaled{next(ACCOUNTS)}")
    _clients: dict[str, Any] = field(default_factory=dict)
    _counted: Registry | None = None

    def __post_init__(self) -> None:
        self.fleet = Fleet(
            name=self.name,
            region=REGION,
            queues={q: Queue(name=q, tasks=(f"{q}.*",)) for q in self.queues},
        )
        self.settings = {
            q: Settings(queue=q, slots=4, runtime="ecs" if self.ecs else "ec2") for q in self.queues
        }
        self.table = f"{self.name}-registry"

    def client(self, service: str) -> Any:
        """A client that no fault strikes and that nobody counts."""
        if service in self._clients:
            return self._clients[service]
        config = Config(retries={"total_max_attempts": 1}, read_timeout=30)
        self._clients[service] = boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=config,
        )
        return self._clients[service]

    def create(self, *, instances: int = 0, minimum: int = 0, maximum: int = 10) -> None:
        self.create_table()
        sqs = self.client("sqs")
        for queue in self.queues:
            sqs.create_queue(QueueName=self.fleet.physical_name(queue))
        if self.ecs:
            self._create_services(instances)
            return
        self.create_template()
        for queue in self.queues:
            self.create_group(queue, instances=instances, minimum=minimum, maximum=maximum)

    def create_table(self) -> None:
        key = [("fleet", "HASH"), ("item", "RANGE")]
        self.client("dynamodb").create_table(
            TableName=self.table,
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n, _ in key],
            KeySchema=[{"AttributeName": n, "KeyType": kind} for n, kind in key],
            BillingMode="PAY_PER_REQUEST",
        )

    def create_template(self) -> None:
        self.client("autoscaling").create_launch_configuration(
            LaunchConfigurationName=self.name, ImageId="ami-12c6146b", InstanceType="t3.micro"
        )

    def create_group(
        self,
        queue: str,
        name: str = "",
        *,
        instances: int = 0,
        minimum: int = 0,
        maximum: int = 10,
    ) -> None:
        self.client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName=name or f"{self.name}-{queue}",
            LaunchConfigurationName=self.name,
            MinSize=minimum,
            MaxSize=maximum,
            DesiredCapacity=instances,
            AvailabilityZones=[f"{REGION}a"],
            Tags=[
                {"Key": key, "Value": value}
                for key, value in zip(TAGS, (self.name, queue), strict=True)
            ],
        )

    def _create_services(self, tasks: int) -> None:
        ecs = self.client("ecs")
        ecs.create_cluster(clusterName=self.name)
        ecs.register_task_definition(
            family=self.name, containerDefinitions=[{"name": "w", "image": "w", "memory": 100}]
        )
        for queue in self.queues:
            ecs.create_service(
                cluster=self.name,
                serviceName=f"{self.name}-{queue}",
                taskDefinition=self.name,
                desiredCount=tasks,
                tags=[
                    {"key": key, "value": value}
                    for key, value in zip(TAGS, (self.name, queue), strict=True)
                ],
            )

    def registry(self, *, counted: bool = True) -> Registry:
        """The registry through the proxy, or past it."""
        if not counted:
            return Registry(self.client("dynamodb"), self.table, self.name, Random(1))
        if self._counted is None:
            with environment_of(self.proxy.url):
                client = unattended("dynamodb", self.fleet, read_seconds=5, attempts=1)
            self._counted = Registry(client, self.table, self.name, Random(1))
        return self._counted

    @contextmanager
    def signals(self, **options: Any) -> Iterator[Signals]:
        """The signals of this fleet, read through the proxy."""
        with (
            environment_of(self.proxy.url),
            Signals(
                self.fleet, self.settings, Clients.of(self.fleet), self.registry(), **options
            ) as signals,
        ):
            yield signals

    def node(self, queue: str, node: str) -> NodeItem:
        return NodeItem(self.client("dynamodb"), self.table, self.name, queue, node, rng=Random(2))

    def say(self, queue: str, node: str, now: float | None = None, **word: Any) -> None:
        """Have a node speak once."""
        spoken = Word(**{"busy": 0, "slots": 4, "paused": False, **word})
        self.node(queue, node).report(spoken, time.time() if now is None else now)

    def age(self, queue: str, seconds: float, at: float) -> None:
        """Have CloudWatch tell the age of a queue's oldest message."""
        dimensions = [{"Name": "QueueName", "Value": self.fleet.physical_name(queue)}]
        self.client("cloudwatch").put_metric_data(
            Namespace="AWS/SQS",
            MetricData=[
                {
                    "MetricName": "ApproximateAgeOfOldestMessage",
                    "Dimensions": dimensions,
                    "Value": seconds,
                    "Timestamp": dt.datetime.fromtimestamp(at, dt.UTC),
                }
            ],
        )

    def group(self, queue: str) -> dict[str, Any]:
        answer = self.client("autoscaling").describe_auto_scaling_groups(
            AutoScalingGroupNames=[f"{self.name}-{queue}"]
        )
        found: dict[str, Any] = answer["AutoScalingGroups"][0]
        return found

    def instances(self, queue: str) -> list[str]:
        """The ids of a group's instances, or of a service's tasks, the oldest first."""
        if self.ecs:
            answer = self.client("ecs").list_tasks(
                cluster=self.name, serviceName=f"{self.name}-{queue}"
            )
            return [arn.rpartition("/")[2] for arn in answer["taskArns"]]
        return [each["InstanceId"] for each in self.group(queue)["Instances"]]

    def service(self, queue: str) -> dict[str, Any]:
        answer = self.client("ecs").describe_services(
            cluster=self.name, services=[f"{self.name}-{queue}"]
        )
        found: dict[str, Any] = answer["services"][0]
        return found
