"""The demo from its first process to its last."""

import os
import signal
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import boto3

from media.demo.application import EXAMPLE, FLEET, REPOSITORY, write_application
from media.demo.cloud import cloud
from media.demo.decisions import Decisions
from media.demo.deliveries import Deliveries
from media.demo.incidents import Kill, Vanish
from media.demo.instances import Instances
from media.demo.leftovers import Leftovers
from media.demo.orders import DAMAGED_CLIP, DAMAGED_SCAN, SENDER, Sizes, orders
from media.demo.programs import Programs
from media.demo.progress import Journal, Progress
from media.demo.recording import JOURNAL_VARIABLE
from media.demo.show import Show
from media.demo.stopping import Stop
from media.demo.sums import Stay, Sums, sums
from media.demo.view import View
from ops.local.aws import local_environment
from ops.local.process import Child
from worker.fleet import Fleet, load

_ENGINE_EVERY = "2s"
_ENGINE_ENDS_SECONDS = 60.0
# A page that a careless download saved under a scan's name.
_NO_PDF = "<!doctype html><title>Please sign in</title><p>Your session has expired.\n"


@dataclass
class Demo:
    """One run in `folder`, which is fresh; work arrives within `over` seconds.

    `begun` is a monotonic time.
    """

    folder: Path
    sizes: Sizes
    over: float
    stop: Stop
    view: View
    begun: float

    def run(self) -> tuple[Sums, Progress, Deliveries]:
        """Run all of it, and end every process that was started.

        Raises OpsError for what a person can mend, Stopped, OSError.
        """
        manifest = write_application(self.folder / "app")
        fleet = load(manifest)
        with ExitStack() as stack:
            settings = self._settings()
            # What starts before there is an AWS asks none.
            env = self._environment("http://127.0.0.1:9", manifest, settings)
            programs = Programs(self.folder, env, self.stop)
            samples = stack.enter_context(programs.running("samples", *self._samples()))
            settings["MEDIA_SMTP_PORT"] = port = stack.enter_context(programs.mail_server())
            self.view.say(f"mail server at 127.0.0.1:{port}")
            url = stack.enter_context(
                cloud(self.folder / "fleet", manifest, fleet.region or "", settings, self.stop)
            )
            self.view.say(f"local AWS at {url}: its instances are groups of processes")
            programs.env = env = self._environment(url, manifest, settings)
            self._set_up(programs)
            engine = stack.enter_context(programs.running("engine", *self._engine()))
            self.view.say(f"ops scaling run --every {_ENGINE_EVERY}: the engine; no node so far")
            programs.wait(samples)
            self._damage()
            return self._show(programs, engine, fleet, url, env)

    def _show(
        self, programs: Programs, engine: Child, fleet: Fleet, url: str, env: dict[str, str]
    ) -> tuple[Sums, Progress, Deliveries]:
        progress = Progress(orders(self.sizes))
        counts = (self.sizes.clips, self.sizes.statements, self.sizes.documents, self.over)
        self.view.say(f"sending {len(progress.orders)} tasks in three waves")
        leftovers = _leftovers(env, fleet)
        show = Show(
            progress,
            Journal(self.folder / "journal.jsonl"),
            Decisions(self.folder / "engine.jsonl"),
            Instances(url, FLEET, self.view.say),
            (
                Kill("statements", 0.1, self.begun, self.view.say),
                Vanish("video", 0.15, self.begun, self.view.say),
            ),
            engine,
            self.stop,
            self.view,
        )
        with programs.running("producer", "media.demo.producer", *map(str, counts)) as producer:
            show.work(producer, leftovers)
        self.view.say("the work is done: nodes leave")
        show.empty()
        self.view.close()
        engine.signal(signal.SIGTERM)
        self.stop.wait_until(lambda: not engine.running(), "the engine's end", _ENGINE_ENDS_SECONDS)
        return self._conclude(show, leftovers, fleet)

    # -- setting up ------------------------------------------------------------------------------

    def _settings(self) -> dict[str, str]:
        """Return what the application's processes find in their environment, here and on nodes."""
        return {
            "MEDIA_ROOT": str(self.folder),
            "MEDIA_MAIL_FROM": SENDER,
            JOURNAL_VARIABLE: str(self.folder / "journal.jsonl"),
        }

    def _environment(self, url: str, manifest: Path, settings: dict[str, str]) -> dict[str, str]:
        return {
            **local_environment(url),
            **settings,
            "FLEET_MANIFEST": str(manifest),
            "PYTHONPATH": f"{EXAMPLE}{os.pathsep}{REPOSITORY}",
            # The folder may lie in another work tree, which is not the application's.
            "GIT_CEILING_DIRECTORIES": str(self.folder),
        }

    def _set_up(self, programs: Programs) -> None:
        self.view.say("ops stack apply --yes: what the queues share, and a queue and a group each")
        programs.run("stacks", "ops", "stack", "apply", "--yes")
        self.view.say("ops release put: the application, where nodes find it")
        programs.run("release", "ops", "release", "put")

    def _samples(self) -> tuple[str, ...]:
        return (
            *("media.samples", str(self.folder)),
            f"--clips={self.sizes.sources}",
            f"--users={self.sizes.statements}",
            f"--documents={self.sizes.documents}",
        )

    def _engine(self) -> tuple[str, ...]:
        journal = str(self.folder / "engine.jsonl")
        return ("ops", "scaling", "run", "--every", _ENGINE_EVERY, "--journal", journal)

    def _damage(self) -> None:
        """Add the two inputs that cannot be worked on."""
        sound = (self.folder / "clips" / "clip-000.mkv").read_bytes()
        (self.folder / DAMAGED_CLIP).write_bytes(sound[: len(sound) // 2])
        (self.folder / DAMAGED_SCAN).write_text(_NO_PDF, encoding="utf-8")

    # -- adding up -------------------------------------------------------------------------------

    def _conclude(
        self, show: Show, leftovers: Leftovers, fleet: Fleet
    ) -> tuple[Sums, Progress, Deliveries]:
        """Look at what there is, and draw the sums."""
        final = Progress(show.progress.orders)
        for line in Journal(self.folder / "journal.jsonl").new_lines():
            final.apply(line)
        deliveries = Deliveries(self.folder)
        found = sums(
            final,
            whole=deliveries.count_whole(final.orders.values(), self.stop.check),
            dead=leftovers.dead(),
            left=leftovers.left(),
            slots={name: queue.concurrency for name, queue in fleet.queues.items()},
            incidents=[one for blow in show.blows for one in blow.struck],
            stays=[
                Stay(one.id, one.queue, round(one.seconds, 1), one.ended is not None, one.vanished)
                for one in show.instances.known.values()
            ],
        )
        return found, final, deliveries


def _leftovers(env: dict[str, str], fleet: Fleet) -> Leftovers:
    # boto3 reads the environment: let it read what the producer does.
    os.environ.clear()
    os.environ.update(env)
    return Leftovers(boto3.client("sqs", region_name=fleet.region), fleet)
