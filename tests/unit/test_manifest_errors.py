"""Every mistake in a manifest is one line: file, place, expected, found, remedy."""

from pathlib import Path

import pytest

from worker.fleet import ManifestError, load

HEAD = 'name = "media"\n'
MAIL = '[queues.mail]\ntasks = ["mail.*"]\n'


def lines_of(text: str, folder: Path) -> list[str]:
    """What loading a manifest of this text complains about, without the file's name."""
    file = folder / "fleet.toml"
    file.write_text(text)
    with pytest.raises(ManifestError) as caught:
        load(file)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{file}: ") for line in lines)
    assert len(lines) == len(caught.value.problems)
    return [line.removeprefix(f"{file}: ") for line in lines]


QUEUE_KEYS = [
    (
        'lease = "13h"',
        "lease: expected at most 12h, got 13h: shorten it "
        "(SQS hides a message for at most 12 h from its receive)",
    ),
    (
        'lease = "4s"',
        "lease: expected at least 5s, got 4s: lengthen it (it is renewed every third of it)",
    ),
    (
        'lease = "soon"',
        'lease: expected a duration, got "soon": write days, hours, minutes and seconds as in '
        '"90s", "15m" or "1h30m"',
    ),
    ("lease = 60", 'lease: expected a duration with its unit, got 60: add one, such as "60s"'),
    ('leese = "60s"', "leese: unknown key: did you mean lease?"),
    (
        'poll = "21s"',
        "poll: expected at most 20s, got 21s: shorten it "
        "(SQS holds a receive open for at most 20 s)",
    ),
    (
        'retention = "14d"',
        "retention: expected at most 13d, got 14d: shorten it "
        "(a dead letter keeps its first sending time, and its queue keeps 14 d)",
    ),
    ('time_limit = "0s"', "time_limit: expected at least 1s, got 0s: lengthen it"),
    ("concurrency = 0", "concurrency: expected at least 1, got 0: raise it"),
    ("concurrency = 1001", "concurrency: expected at most 1000, got 1001: lower it"),
    (
        'concurrency = "4"',
        'concurrency: expected a whole number, got "4": write it in digits, without quotes',
    ),
    (
        "concurrency = true",
        "concurrency: expected a whole number, got true: write it in digits, without quotes",
    ),
    ("max_receives = 1", "max_receives: expected at least 2, got 1: raise it"),
    (
        'pool = "thread"',
        'pool: expected "prefork", "threads" or "solo", got "thread": did you mean threads?',
    ),
    (
        'pool = "gevent"',
        'pool: expected "prefork", "threads" or "solo", got "gevent": choose one of them',
    ),
    ("prefetch = 2", 'prefetch: expected 1 or "auto", got 2: choose one of them'),
    ("prefetch = true", 'prefetch: expected 1 or "auto", got true: choose one of them'),
    (
        "max_memory_per_child = 512",
        'max_memory_per_child: expected a size with its unit, got 512: add one, such as "512MiB"',
    ),
    (
        'max_memory_per_child = "512MB"',
        'max_memory_per_child: expected a size, got "512MB": write KiB, MiB or GiB as in "512MiB"',
    ),
    (
        'max_memory_per_child = "1MiB"',
        "max_memory_per_child: expected at least 32MiB, got 1MiB: raise it "
        "(a Python process with Celery in it starts above that)",
    ),
    ("slo = 5", "slo: expected a table, got 5: write its keys as in slo.start_within"),
    (
        'slo.start_witin = "1m"',
        "slo.start_witin: unknown key: did you mean start_within?",
    ),
    (
        'slo.start_within = "0s"',
        "slo.start_within: expected at least 1s, got 0s: lengthen it",
    ),
    (
        "fifo = true",
        "fifo: FIFO queues are not supported: remove it (leases, hand-backs and batched deletes "
        "give up the order FIFO promises; only standard queues are served)",
    ),
    ("scaling.max = 3", "scaling.max: not a key of scaling: write it as nodes.max"),
    (
        'name = "post"',
        "name: not a key of a queue: remove it (the table's own key names the queue)",
    ),
]


@pytest.mark.parametrize(("line", "expected"), QUEUE_KEYS)
def test_a_wrong_key_of_a_queue(line: str, expected: str, tmp_path: Path) -> None:
    assert lines_of(HEAD + MAIL + line, tmp_path) == [f"queues.mail.{expected}"]


ACROSS_KEYS = [
    (
        'time_limit = "12h"',
        "time_limit: expected time_limit + lease of at most 12h, got 12h1m: shorten one of them "
        "(SQS hides a message for at most 12 h from its receive)",
    ),
    (
        'time_limit = "1m"\nsoft_time_limit = "1m"',
        "soft_time_limit: expected less than time_limit (1m), got 1m: "
        "shorten it, or lengthen time_limit",
    ),
    (
        'pool = "solo"\nconcurrency = 2',
        'concurrency: expected 1 with pool = "solo", got 2: '
        "remove it (solo runs one task at a time), or choose another pool",
    ),
    (
        'pool = "solo"\nprefetch = "auto"',
        'prefetch: expected 1 with pool = "solo", got "auto": '
        "remove it (solo keeps no poll open while a task runs), or choose another pool",
    ),
    (
        'pool = "threads"\nmax_tasks_per_child = 5',
        'max_tasks_per_child: expected pool = "prefork", got "threads": '
        "remove it (this pool has no child processes), or choose prefork",
    ),
    (
        'pool = "solo"\nmax_memory_per_child = "64MiB"',
        'max_memory_per_child: expected pool = "prefork", got "solo": '
        "remove it (this pool has no child processes), or choose prefork",
    ),
]


@pytest.mark.parametrize(("keys", "expected"), ACROSS_KEYS)
def test_keys_that_do_not_go_together(keys: str, expected: str, tmp_path: Path) -> None:
    assert lines_of(HEAD + MAIL + keys, tmp_path) == [f"queues.mail.{expected}"]


def test_a_hold_of_exactly_twelve_hours_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text(HEAD + MAIL + 'lease = "1m"\ntime_limit = "11h59m"')
    assert load(file).queue("mail").time_limit.total_seconds() == 43_140


WHOLE_FILES = [
    (MAIL, ['name: expected a value, got none: add name = "media"']),
    (
        'name = "me dia"\n' + MAIL,
        [
            'name: expected letters, digits, - and _, a letter or digit first, got "me dia": '
            "rename it (AWS allows no others)"
        ],
    ),
    (HEAD, ["queues: expected at least one queue, got none: add one: [queues.mail]"]),
    (HEAD + "queues = 3", ["queues: expected a table, got 3: write it as [queues.NAME]"]),
    (
        HEAD + "[queues]\nmail = 3",
        ["queues.mail: expected a table, got 3: write it as [queues.mail]"],
    ),
    (HEAD + 'regoin = "x"\n' + MAIL, ["regoin: unknown key: did you mean region?"]),
    (
        HEAD + 'region = "Ireland"\n' + MAIL,
        [
            'region: expected an AWS region such as "eu-west-1", got "Ireland": '
            "write the region's code"
        ],
    ),
    (
        HEAD + 'imports = ["app/tasks.py"]\n' + MAIL,
        [
            'imports[0]: expected a module such as "app.tasks", got "app/tasks.py": '
            "write it as an import statement does"
        ],
    ),
    (
        HEAD + "[queues.mail]",
        ['queues.mail.tasks: expected a value, got none: add tasks = ["mail.*"]'],
    ),
    (
        HEAD + '[queues.mail]\ntasks = "mail.*"',
        ['queues.mail.tasks: expected a list, got "mail.*": put it in brackets'],
    ),
    (
        HEAD + "[queues.mail]\ntasks = []",
        [
            "queues.mail.tasks: expected at least one glob, got []: "
            'name its tasks, such as ["mail.*"]'
        ],
    ),
    (
        HEAD + '[queues.mail]\ntasks = ["mail.*", 3]',
        ["queues.mail.tasks[1]: expected a text, got 3: put it in quotes"],
    ),
    (
        HEAD + '[queues.mail]\ntasks = [" mail.*"]',
        ['queues.mail.tasks: expected globs without blanks around them, got " mail.*": trim it'],
    ),
    (
        HEAD + '[queues."mail.fifo"]\ntasks = ["mail.*"]',
        [
            'queues."mail.fifo": expected a standard queue, got "mail.fifo": rename it '
            "(leases, hand-backs and batched deletes give up the order FIFO promises)"
        ],
    ),
    (
        HEAD + '[queues.delayed]\ntasks = ["mail.*"]',
        [
            "queues.delayed: expected a free name, got delayed: rename it "
            "(the fleet keeps tasks that must wait long in a queue of that name)"
        ],
    ),
    (
        HEAD + '[queues.mail-dlq]\ntasks = ["mail.*"]',
        [
            "queues.mail-dlq: expected a free name, got mail-dlq: rename it "
            "(names that end so are the dead-letter queues')"
        ],
    ),
    (
        HEAD + f'[queues.{"q" * 71}]\ntasks = ["mail.*"]',
        [
            f"queues.{'q' * 71}: expected media-{'q' * 71}-dlq to have at most 80 characters, "
            "got 81: shorten the fleet's or the queue's name (SQS allows no longer one)"
        ],
    ),
    (
        HEAD + MAIL + '[queues.post]\ntasks = ["post.*", "mail.*"]',
        [
            'queues.post.tasks[1]: expected each glob once, got "mail.*" again: '
            "remove it here or in queues.mail.tasks"
        ],
    ),
    (
        HEAD + MAIL + '[queues.post]\ntasks = ["mail.post.*"]',
        [
            'queues.post.tasks[0]: expected a glob that something can reach, got "mail.post.*", '
            'all of which "mail.*" of queues.mail takes first: move queues.post above queues.mail'
        ],
    ),
    (
        HEAD + '[defaults]\ntasks = ["x"]\nlease = 60\n' + MAIL,
        [
            "defaults.tasks: not a default: move it to the queue whose tasks they are",
            'defaults.lease: expected a duration with its unit, got 60: add one, such as "60s"',
        ],
    ),
    (
        HEAD + '[defaults]\ntime_limit = "12h"\n' + MAIL,
        [
            "queues.mail.time_limit: expected time_limit + lease of at most 12h, got 12h1m: "
            "shorten one of them (SQS hides a message for at most 12 h from its receive)"
        ],
    ),
    (
        HEAD + "[queues.mail]\ntasks = [\n",
        ["end of document: expected TOML, got a mistake: Invalid value: mend that line"],
    ),
    (
        HEAD + "[queues.mail]\ntasks ['x']\n",
        [
            "line 3, column 7: expected TOML, got a mistake: "
            "Expected '=' after a key in a key/value pair: mend that line"
        ],
    ),
]


@pytest.mark.parametrize(("text", "expected"), WHOLE_FILES)
def test_a_wrong_file(text: str, expected: list[str], tmp_path: Path) -> None:
    assert lines_of(text, tmp_path) == expected


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = (
        'name = "me dia"\nscaling = 1\n[defaults]\npoll = "1h"\n'
        '[queues.a]\ntasks = ["a.*"]\nlease = 1\n'
        '[queues.b]\ntasks = ["b.*"]\ntime_limit = "12h"\n'
        '[queues.c]\ntasks = ["b.*"]\nfifo = true\npool = "x"\n'
        '[queues.d]\ntasks = ["b.*"]\n'
    )
    places = [line.partition(": ")[0] for line in lines_of(text, tmp_path)]
    assert places == [
        "name",
        "scaling",
        "defaults.poll",
        "queues.a.lease",
        "queues.b.time_limit",
        "queues.c.pool",
        "queues.c.fifo",
    ]


def test_a_wrong_time_limit_is_one_problem_though_others_follow_from_it(tmp_path: Path) -> None:
    assert lines_of(HEAD + MAIL + "time_limit = 5", tmp_path) == [
        'queues.mail.time_limit: expected a duration with its unit, got 5: add one, such as "5s"'
    ]


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text(HEAD + MAIL, encoding="utf-8-sig")
    assert load(file).name == "media"


def test_an_array_of_queues_is_told_how_a_queue_is_written(tmp_path: Path) -> None:
    (line,) = lines_of(HEAD + '[[queues]]\ntasks = ["mail.*"]\n', tmp_path)
    assert line.startswith("queues: expected a table, got ")
    assert line.endswith("write it as [queues.NAME]")


@pytest.mark.parametrize(
    "text", ["a=" + "[" * 5000 + "]" * 5000, "a=" + "{a=" * 5000 + "1" + "}" * 5000]
)
def test_what_is_nested_without_end_is_one_line(text: str, tmp_path: Path) -> None:
    assert lines_of(text, tmp_path) == [
        "expected TOML, got lists or tables within too many others: nest them less"
    ]


def test_a_queue_that_could_not_be_read_makes_no_schedule_wrong(tmp_path: Path) -> None:
    schedule = '[schedules.daily]\ncron = "0 6 * * *"\ntask = "report.daily"\n'
    wrong = '[queues.report]\ntasks = ["report.*"]\nnodes.cpu = 300\n'
    (line,) = lines_of(HEAD + MAIL + wrong + schedule, tmp_path)
    assert line.startswith("queues.report.nodes.cpu: expected ")
    (line,) = lines_of(HEAD + MAIL + schedule, tmp_path)
    assert line.startswith("schedules.daily.task: expected a task that a queue's tasks match")


def test_a_schedule_is_placed_by_its_key_as_it_is_typed(tmp_path: Path) -> None:
    times = 'cron = "0 6 * * *"\ntask = "mail.daily"\n'
    (line,) = lines_of(f'{HEAD}{MAIL}[schedules."tä glich"]\n{times}', tmp_path)
    assert line.startswith('schedules."tä glich": expected letters, digits, - and _')
    (line,) = lines_of(f"{HEAD}{MAIL}[schedules.daily]\n{times}kwargs = [1]\n", tmp_path)
    assert line == "schedules.daily.kwargs: expected a table, got [1]: write it as { name = value }"


def test_a_file_without_end_is_one_line() -> None:
    with pytest.raises(ManifestError) as caught:
        load(Path("/dev/zero"))
    assert str(caught.value) == (
        "/dev/zero: expected a manifest of at most 4 MiB, got more: name the file that holds it"
    )
