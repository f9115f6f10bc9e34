"""What control groups (cgroups) and the system leave to this process: processors and memory."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Reads one limit in a group's folder; None for no limit.
Read = Callable[[Path], float | None]


@functools.lru_cache(maxsize=1)
def quota_now(second: int) -> float | None:
    """`processor_quota()`, whose files are read at most once a second."""
    return processor_quota()


def processor_quota(root: Path = Path("/")) -> float | None:
    """How many processors the control groups of this process may use, a fraction perhaps; None for no limit.

    Kernel documentation, admin-guide/cgroup-v2.rst (cpu.max) and scheduler/sched-bwc.rst (version 1).
    """
    return _smallest(root, "cpu", _quota_v2, _quota_v1)


def free_memory(root: Path = Path("/")) -> int | None:
    """How many bytes of memory the system has left, and its control groups allow at most; None where it does not say.

    Kernel documentation, filesystems/proc.rst (MemAvailable), admin-guide/cgroup-v2.rst (memory.max) and
    cgroup-v1/memory.rst.
    """
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
    except OSError:  # another system
        return None
    available = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
    limits = (available, _smallest(root, "memory", _memory("memory.max"), _memory("memory.limit_in_bytes")))
    return min((limit for limit in limits if limit is not None), default=None)


def check_memory(what: str, n_bytes: int, remedy: str) -> None:
    """Raise where this needs more memory than is free."""
    free = free_memory()
    if free is not None and n_bytes > free:
        raise MemoryError(
            f"{what} may need {readable_size(n_bytes)} of memory, where {readable_size(free)} are free: {remedy}"
        )


def readable_size(n_bytes: int) -> str:
    """A number of bytes for people."""
    return f"{n_bytes / 1e9:,.1f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:,.1f} MB"


def _smallest(root: Path, controller: str, read_v2: Read, read_v1: Read) -> Any:
    """The smallest limit of the control groups of this process, by their version."""
    try:
        lines = (root / "proc/self/cgroup").read_text(errors="replace").splitlines()
    except OSError:  # another system
        return None
    limits = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            mount, read = root / "sys/fs/cgroup", read_v2
        elif controller in controllers.split(","):
            mount, read = root / "sys/fs/cgroup" / controller, read_v1
        else:
            continue
        # in a container the path may be that of the host; the files that can be seen are then at the mount itself
        group = mount / path.lstrip("/")
        limits += [read(folder) for folder in (group, *group.parents) if folder.is_relative_to(mount)]
    return min((limit for limit in limits if limit is not None), default=None)


def _quota_v2(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _quota_v1(folder: Path) -> float | None:
    try:
        quota, period = (int((folder / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
        return None if quota <= 0 else quota / period
    except (OSError, ValueError):
        return None


def _memory(name: str) -> Read:
    def read(folder: Path) -> int | None:
        try:
            return int((folder / name).read_text())
        except (OSError, ValueError):  # "max" is no limit
            return None

    return read
