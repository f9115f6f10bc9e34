"""The processor quota of the control groups (cgroups) that this process is in."""

import functools
from pathlib import Path


@functools.lru_cache(maxsize=1)
def quota_now(second: int) -> float | None:
    """`processor_quota()`, whose files are read at most once a second."""
    return processor_quota()


def processor_quota(root: Path = Path("/")) -> float | None:
    """How many processors the control groups of this process may use, a fraction perhaps; None for no limit.

    Kernel documentation, admin-guide/cgroup-v2.rst (cpu.max) and scheduler/sched-bwc.rst (version 1).
    """
    try:
        lines = (root / "proc/self/cgroup").read_text(errors="replace").splitlines()
    except OSError:  # another system
        return None
    quotas = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            mount, read = root / "sys/fs/cgroup", _quota_v2
        elif "cpu" in controllers.split(","):
            mount, read = root / "sys/fs/cgroup/cpu", _quota_v1
        else:
            continue
        # in a container the path may be that of the host; the files that can be seen are then at the mount itself
        group = mount / path.lstrip("/")
        quotas += [read(folder) for folder in (group, *group.parents) if folder.is_relative_to(mount)]
    return min((quota for quota in quotas if quota is not None), default=None)


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
