"""The compiled kernels, in the build for the vector instructions that this processor has.

All builds are of one source, and those with fused multiply-add give the same bits (docs/architecture.md); a wheel
carries them all. The environment variable FASTMLP_SIMD names one, to try or to measure it.
"""

import os
import re
from pathlib import Path


def _forked_with_openmp() -> bool:
    """Whether this process is a fork that has not called exec, and an OpenMP library was loaded before the kernels.

    That library may count on threads of the parent, which a fork does not have. Only Linux tells: proc_pid_stat(5).
    """
    try:
        flags = int(Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()[6])
        return bool(flags & _PF_FORKNOEXEC and re.search(rb"/lib[gi]?omp", Path("/proc/self/maps").read_bytes()))
    except OSError:
        return False


def _choose_level(levels: list[str]) -> str:
    asked = os.environ.get("FASTMLP_SIMD", levels[-1])
    if asked not in levels:
        needed = " or ".join(map(repr, levels))
        raise ValueError(f"the environment variable FASTMLP_SIMD must be {needed} on this machine, got {asked!r}")
    return asked


# of the kernel's include/linux/sched.h
_PF_FORKNOEXEC = 0x40
forked_with_openmp = _forked_with_openmp()

try:
    import fastmlp._kernels.process as process

    # as text, so that packagers see them; only the chosen one is loaded
    _level = _choose_level(process.supported_levels())
    if _level == "x86_64_v4":
        import fastmlp._kernels.x86_64_v4 as _build
    elif _level == "x86_64_v3":
        import fastmlp._kernels.x86_64_v3 as _build
    else:
        import fastmlp._kernels.plain as _build
except ImportError as error:
    from fastmlp._kernels.missing import explained

    raise explained(error) from None


# their types are in __init__.pyi
Exclusive, assign_all = process.Exclusive, process.assign_all
globals().update({name: value for name, value in vars(_build).items() if not name.startswith("_")})


def blas_addresses() -> tuple[int, int]:
    """The addresses of SciPy's sgemm and dgemm; only where BLAS is used, since SciPy is slow to import."""
    import fastmlp._kernels.scipy_blas as scipy_blas

    return scipy_blas.addresses()


def after_fork_in_child() -> None:
    """Release what threads of the parent, which a child does not have, were holding."""
    process.after_fork_in_child()
    _build.after_fork_in_child()
