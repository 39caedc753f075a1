"""The demo from its first process to its last."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3

from media.demo.addresses import Addresses
from media.demo.crew import Crew
from media.demo.deliveries import Deliveries
from media.demo.folder import EXAMPLE, REPOSITORY, write_manifest
from media.demo.incidents import Drain, Kill
from media.demo.leftovers import Leftovers
from media.demo.orders import DAMAGED_CLIP, DAMAGED_SCAN, QUEUES, SENDER, Sizes, orders
from media.demo.programs import Programs, succeeded
from media.demo.progress import Journal, Progress
from media.demo.recording import JOURNAL_VARIABLE
from media.demo.stopping import Stop
from media.demo.sums import Sums, sums
from media.demo.view import View
from ops.local.aws import local_aws, local_environment
from ops.local.process import Child
from worker.fleet import load

# Two of what takes the processor, so that one can go while another stays.
_WORKERS = {"video": 2, "statements": 2, "email": 1, "documents": 1}
_TICK_SECONDS = 0.1
_LEAVE_SECONDS = 300.0
# No start and no end of a task for this long: nothing more is to come.
_STILL_SECONDS = 180.0
# A page that a careless download saved under a scan's name.
_NO_PDF = "<!doctype html><title>Please sign in</title><p>Your session has expired.\n"


@dataclass
class Demo:
    """One run in `folder`, which is fresh; `begun` is a monotonic time."""

    folder: Path
    sizes: Sizes
    stop: Stop
    view: View
    begun: float

    def run(self) -> tuple[Sums, Progress, Deliveries]:
        """Run all of it, and end every process that was started.

        Raises OpsError for what a person can mend, Stopped, OSError.
        """
        with ExitStack() as stack:
            url = stack.enter_context(local_aws(self.folder / "logs", self.stop.check))
            env = self._environment(url, stack.enter_context(_short_folder()))
            programs = Programs(self.folder, env, self.stop)
            samples = stack.enter_context(programs.running("samples", *self._samples()))
            self.view.say(f"local AWS at {url}: moto's server, in a process of its own")
            env["MEDIA_SMTP_PORT"] = port = stack.enter_context(programs.mail_server())
            self.view.say(f"mail server at 127.0.0.1:{port}")
            programs.run("queues", "ops", "queues", "apply", "--yes")
            self.view.say("ops queues apply --yes: a queue and a dead-letter queue for each kind")
            programs.run("stores", "ops", "stores", "apply", "--yes")
            self.view.say("ops stores apply --yes: the table by which a mail is sent once")
            crew = Crew(env, self.folder, self.begun, self.view.say)
            stack.callback(crew.end)
            self._hire(crew)
            self.view.say(f"making {self.sizes.sources} clips, {self.sizes.documents} scans ...")
            programs.wait(samples)
            self._damage()
            progress = Progress(orders(self.sizes))
            counts = (self.sizes.clips, self.sizes.statements, self.sizes.documents)
            self.view.say(f"sending {len(progress.orders)} tasks, some of them one by another")
            leftovers = _leftovers(env)
            with programs.running("producer", "media.demo.producer", *map(str, counts)) as producer:
                self._work(crew, progress, producer, leftovers)
            return self._conclude(crew, progress, leftovers)

    # -- setting up ------------------------------------------------------------------------------

    def _environment(self, url: str, sockets: str) -> dict[str, str]:
        return {
            **local_environment(url),
            "FLEET_RUNTIME_DIR": sockets,
            "FLEET_MANIFEST": str(write_manifest(self.folder)),
            # Many workers on one machine: each takes a free port.
            "FLEET_METRICS": "127.0.0.1:0",
            "PYTHONPATH": f"{EXAMPLE}{os.pathsep}{REPOSITORY}",
            "MEDIA_ROOT": str(self.folder),
            "MEDIA_MAIL_FROM": SENDER,
            JOURNAL_VARIABLE: str(self.folder / "journal.jsonl"),
        }

    def _samples(self) -> tuple[str, ...]:
        return (
            *("media.samples", str(self.folder)),
            f"--clips={self.sizes.sources}",
            f"--users={self.sizes.statements}",
            f"--documents={self.sizes.documents}",
        )

    def _hire(self, crew: Crew) -> None:
        for queue, count in _WORKERS.items():
            for _ in range(count):
                crew.hire(queue)
        each = ", ".join(f"{count} for {queue}" for queue, count in _WORKERS.items())
        self.view.say(f"celery worker -Q QUEUE: {each}")

    def _damage(self) -> None:
        """Add the two inputs that cannot be worked on."""
        sound = (self.folder / "clips" / "clip-000.mkv").read_bytes()
        (self.folder / DAMAGED_CLIP).write_bytes(sound[: len(sound) // 2])
        (self.folder / DAMAGED_SCAN).write_text(_NO_PDF, encoding="utf-8")

    # -- the work ----------------------------------------------------------------------------------

    def _work(self, crew: Crew, progress: Progress, producer: Child, leftovers: Leftovers) -> None:
        """See all work done, while workers come and go, until nothing is left in a queue.

        A message whose worker was killed before it could delete it comes back, and is run again.
        """
        incidents = (Drain("statements", share=0.2), Kill("video", share=0.15))
        addresses = Addresses(load().name, self.view.say)
        journal = self._journal()
        last_news = time.monotonic()
        while (
            producer.running() or not progress.all_ended(QUEUES) or any(leftovers.left().values())
        ):
            self.stop.check()
            if not producer.running():
                succeeded(producer)
            for line in journal.new_lines():
                progress.apply(line)
                last_news = time.monotonic()
            crew.look()
            addresses.look(crew, "email")
            for incident in incidents:
                incident.step(crew, progress)
            self.view.show(crew, progress)
            if time.monotonic() - last_news > _STILL_SECONDS:
                self.view.say(f"nothing has happened for {_STILL_SECONDS:.0f} s: giving up")
                break
            time.sleep(_TICK_SECONDS)
        self.view.close()

    def _conclude(
        self, crew: Crew, progress: Progress, leftovers: Leftovers
    ) -> tuple[Sums, Progress, Deliveries]:
        """Let every worker leave, look at what there is, and draw the sums."""
        self.view.say("SIGTERM to every worker, and a look at every file")
        crew.dismiss()
        self.stop.wait_until(crew.all_gone, "the workers' drain", _LEAVE_SECONDS)
        final = Progress(progress.orders)
        for line in self._journal().new_lines():
            final.apply(line)
        deliveries = Deliveries(self.folder)
        whole = deliveries.count_whole(final.orders.values(), self.stop.check)
        found = sums(
            final,
            whole=whole,
            dead=leftovers.dead(),
            left=leftovers.left(),
            departures=crew.departures,
        )
        return found, final, deliveries

    def _journal(self) -> Journal:
        return Journal(self.folder / "journal.jsonl")


def _leftovers(env: dict[str, str]) -> Leftovers:
    # boto3 reads the environment: let it read what the workers do.
    os.environ.clear()
    os.environ.update(env)
    fleet = load()
    return Leftovers(boto3.client("sqs", region_name=fleet.region), fleet)


@contextmanager
def _short_folder() -> Iterator[str]:
    """Make a folder for sockets, whose paths are at most 108 bytes (unix(7)), and remove it."""
    folder = tempfile.mkdtemp(prefix="media-demo-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
