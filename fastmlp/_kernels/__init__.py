"""The compiled kernels, in the build for the vector instructions that this processor has.

All builds are of one source and give the same bits (docs/architecture.md); a wheel carries them all. The environment
variable FASTMLP_SIMD names one, to try or to measure it.
"""

import os
import re
from pathlib import Path


def _forked_with_openmp() -> bool:
    """Whether this process was forked, has started no program since, and has had an OpenMP before the kernels come.

    Then that may have had threads before the fork, which the child lacks. Linux alone says so; proc_pid_stat(5), flags.
    """
    try:
        flags = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[6])
        return bool(flags & PF_FORKNOEXEC and re.search(r"/lib[gi]?omp", Path("/proc/self/maps").read_text()))
    except OSError:
        return False


def _choose_level(levels: list[str]) -> str:
    asked = os.environ.get("FASTMLP_SIMD", levels[-1])
    if asked not in levels:
        needed = " or ".join(map(repr, levels))
        raise ValueError(f"the environment variable FASTMLP_SIMD must be {needed} on this machine, got {asked!r}")
    return asked


# of the kernel's include/linux/sched.h
PF_FORKNOEXEC = 0x40
forked_with_openmp = _forked_with_openmp()

try:
    import fastmlp._kernels.plain as _build

    _level = _choose_level(_build.supported_levels())
    # each by a statement of its own, which programs that package others can read
    if _level == "x86_64_v3":
        import fastmlp._kernels.x86_64_v3 as _build
except ImportError as error:
    from fastmlp._kernels.missing import explained

    raise explained(error) from None

Exclusive = _build.Exclusive
LOSSES = _build.LOSSES
MAX_BLOCKS = _build.MAX_BLOCKS
OPTIMIZERS = _build.OPTIMIZERS
TILE_ROWS = _build.TILE_ROWS
Propagation = _build.Propagation
Training = _build.Training
Update = _build.Update
after_fork_in_child = _build.after_fork_in_child
bind_blas = _build.bind_blas
bound_processors = _build.bound_processors
build_info = _build.build_info
first_outside = _build.first_outside
is_finite = _build.is_finite
is_stored = _build.is_stored
max_threads = _build.max_threads
partials_needed = _build.partials_needed
put_back = _build.put_back
standardize = _build.standardize
