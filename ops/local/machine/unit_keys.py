"""Which keys of a unit a machine honours, and which change nothing here. Pure."""

from __future__ import annotations

from typing import Final

#: What makes a unit behave as it does, and is done here as systemd does it. `After=` orders the
#: starts that are asked for, and the stops of a shutdown.
HONOURED: Final = {
    "Unit": frozenset({"Description", "After", "StartLimitIntervalSec", "StartLimitBurst"}),
    "Service": frozenset(
        {
            "Type",
            "NotifyAccess",
            "ExecStart",
            "ExecStop",
            "Environment",
            "EnvironmentFile",
            "WorkingDirectory",
            "UMask",
            "Restart",
            "RestartSec",
            "RestartPreventExitStatus",
            "SuccessExitStatus",
            "WatchdogSec",
            "TimeoutStartSec",
            "TimeoutStopSec",
            "TimeoutAbortSec",
            "TimeoutSec",
            "KillMode",
            "KillSignal",
            "RuntimeDirectory",
            "RuntimeDirectoryPreserve",
            "StateDirectory",
            "CacheDirectory",
            "LogsDirectory",
        }
    ),
    "Install": frozenset[str](),
}

#: What is left to the kernel and to the boot of a real node: who may do what, and how much of it.
#: A machine has one user, starts its units by name and has no limits of its own.
IGNORED: Final = {
    "Unit": frozenset({"Documentation", "Wants"}),
    "Install": frozenset({"WantedBy", "Also", "Alias", "DefaultInstance"}),
    "Service": frozenset(
        {
            # identity and folders' modes
            "User",
            "Group",
            "DynamicUser",
            "SupplementaryGroups",
            "RuntimeDirectoryMode",
            "StateDirectoryMode",
            "CacheDirectoryMode",
            "LogsDirectoryMode",
            "SyslogIdentifier",
            # resources
            "CPUQuota",
            "CPUWeight",
            "IOWeight",
            "LimitCORE",
            "LimitNOFILE",
            "LimitNPROC",
            "MemoryHigh",
            "MemoryMax",
            "MemorySwapMax",
            "Nice",
            "OOMPolicy",
            "OOMScoreAdjust",
            "Slice",
            "TasksMax",
            # the sandbox: systemd.exec(5)
            "AmbientCapabilities",
            "CapabilityBoundingSet",
            "DeviceAllow",
            "DevicePolicy",
            "IPAddressAllow",
            "IPAddressDeny",
            "LockPersonality",
            "MemoryDenyWriteExecute",
            "NoNewPrivileges",
            "PrivateDevices",
            "PrivateMounts",
            "PrivateTmp",
            "PrivateUsers",
            "ProcSubset",
            "ProtectClock",
            "ProtectControlGroups",
            "ProtectHome",
            "ProtectHostname",
            "ProtectKernelLogs",
            "ProtectKernelModules",
            "ProtectKernelTunables",
            "ProtectProc",
            "ProtectSystem",
            "ReadOnlyPaths",
            "ReadWritePaths",
            "RemoveIPC",
            "RestrictAddressFamilies",
            "RestrictNamespaces",
            "RestrictRealtime",
            "RestrictSUIDSGID",
            "SystemCallArchitectures",
            "SystemCallErrorNumber",
            "SystemCallFilter",
        }
    ),
}
