"""The agent's numbers, each with its reason. Seconds unless named otherwise."""

from __future__ import annotations

from typing import Final

#: The registry's contract: a word at least this often.
WORD_SECONDS: Final = 15.0
#: The contract leaves it to the agent how long a node waits for its first answer.
FIRST_ANSWER_SECONDS: Final = 30.0

#: A pause that takes hold and a node that falls idle are told "at once": within a look.
LOOK_SECONDS: Final = 1.0
#: Statuses older than this confirm nothing.
FRESH_SECONDS: Final = 5.0
#: "We recommend that you check for these interruption notices every 5 seconds" (EC2 User Guide,
#: "Spot Instance interruption notices").
METADATA_SECONDS: Final = 5.0
#: Who this machine is, and a group that was not told, are asked for again after so long.
IDENTIFY_SECONDS: Final = 5.0

#: Calls that fail are tried again after one second, doubled up to this.
RETRY_FIRST_SECONDS: Final = 1.0
RETRY_AT_MOST_SECONDS: Final = 60.0
#: A word is never later than usual because the one before failed.
WORD_RETRY_AT_MOST_SECONDS: Final = WORD_SECONDS

#: An instance may be up some seconds before its group has put it into the hook's wait state. A
#: group that has no such hook answers alike, so asking ends after these attempts.
JOIN_ATTEMPTS: Final = 6

#: "The maximum amount of time that you can keep an instance in a wait state is 48 hours or 100
#: times the heartbeat timeout, whichever is smaller" (EC2 Auto Scaling User Guide, "Lifecycle
#: hooks").
HOOK_AT_MOST_SECONDS: Final = 48 * 3600.0
HEARTBEATS_AT_MOST: Final = 100
#: A drain ends so long before its hook does: deletes are flushed, the registry is left.
HOOK_MARGIN_SECONDS: Final = 60.0
#: The shortest timeout that a hook may have (EC2 Auto Scaling API Reference, PutLifecycleHook,
#: HeartbeatTimeout).
HOOK_AT_LEAST_SECONDS: Final = 30.0
#: Two thirds of the shortest timeout, whatever the manifest of the node's release says: the hook
#: that waits has the one of the stack's, which a node may not read. One that fails is tried again
#: within seconds. More often, hundreds of nodes that leave at once would use up the rate at which
#: Auto Scaling takes calls, which is the scaling engine's too. What bounds the wait is time alone
#: (LifecycleHook, GlobalTimeout), not their number.
HEARTBEAT_SECONDS: Final = HOOK_AT_LEAST_SECONDS * 2 / 3

#: A spot notice comes two minutes ahead; what still runs is handed back this long before the end,
#: so that flushing and leaving fit in.
SPOT_NOTICE_SECONDS: Final = 120.0
SPOT_MARGIN_SECONDS: Final = 25.0

#: A worker leaves some 25 s after its deadline (flush 10 s, Celery's shutdown 15 s). One that is
#: still there after this hangs: its node goes without it, and its leases lapse.
OVERDUE_SECONDS: Final = 60.0
#: How long the end of a node waits for the registry to take its last word.
LAST_WORD_SECONDS: Final = 10.0

#: With free slots a worker polls without a break, and the watchdog starts one anew that does not,
#: within two minutes. What is deaf for longer has been started anew, to no avail.
DEAF_SECONDS: Final = 300.0
#: Polls that fail this lately are answered, by errors: that is SQS's trouble or the role's, which
#: another node would share.
POLLS_FAIL_SECONDS: Final = 60.0
#: As the unit has it (WatchdogSec), where there is no systemd to start a stuck worker anew.
STUCK_SECONDS: Final = 60.0
#: No worker that answers for so long: it starts within a minute, its unit gives up after five
#: deaths in five minutes.
ABSENT_SECONDS: Final = 300.0
#: As the unit counts (StartLimitBurst, StartLimitIntervalSec), with the five's own restarts.
DEATHS_AT_MOST: Final = 5
DEATHS_WITHIN_SECONDS: Final = 300.0

#: After this many seconds without an answer of the registry's `ops node ping` says so: it is as
#: long as the engine takes a word for fresh, and a word.
UNHEARD_SECONDS: Final = 60.0
