"""State of the process, shared by all builds of the kernels: locks, forks, and the builds that its processor runs."""
cimport cython
from cpython.pythread cimport PyThread_get_thread_ident


cdef extern from *:
    """
    /* setup.py lists the builds, and defines FASTMLP_LEVELS: LEVEL(name, condition) for each, the fastest one last. */
    #define LEVEL(name, condition) (condition) ? name : "",
    static const char *fastmlp_level(int i)
    {
        const char *const levels[] = {FASTMLP_LEVELS NULL};
        return levels[i];
    }
    """
    # the name of a build, empty where this processor does not run it; NULL behind the last one
    const char* level "fastmlp_level"(int i)

# The number of forks between the first process and this one, and the thread that made the last one: after a fork, the
# child has no other thread.
cdef Py_ssize_t n_forks = 0
cdef long forking_thread = 0


@cython.auto_pickle(False)
@cython.final
cdef class Exclusive:
    """A reentrant lock that does not wait: while one thread holds it, other threads get a RuntimeError."""

    cdef long owner
    cdef Py_ssize_t depth, forks

    def run(self, function, *arguments):
        """Call a function while the lock is held; returns its result.

        Not a context manager: there, the exception of a signal handler may be raised before `__exit__`, and the lock
        would never be released. Here, Python runs no handler between the function and the release.
        """
        cdef long thread = PyThread_get_thread_ident()
        # In a child that was forked while another thread held the lock, that thread does not exist, and a new thread
        # may have its identifier.
        if self.forks != n_forks and self.owner != forking_thread:
            self.depth = 0
        if self.depth > 0 and self.owner != thread:
            raise RuntimeError("this network is at work in another thread; give each thread a network of its own")
        self.owner, self.forks = thread, n_forks
        self.depth += 1
        try:
            return function(*arguments)
        finally:
            self.depth -= 1


def assign_all(owner, dict attributes, list copies):
    """Copy the second array of each pair into the first, and set attributes; no signal handler runs in between."""
    for target, source in copies:
        target[...] = source
    for name, value in attributes.items():
        setattr(owner, name, value)


def after_fork_in_child():
    """Count the fork, and note the only thread that the child has."""
    global forking_thread, n_forks
    n_forks += 1
    forking_thread = PyThread_get_thread_ident()


def supported_levels():
    """The builds of the kernels that this processor runs, the fastest one last."""
    cdef int i = 0
    names = []
    while level(i) != NULL:
        names.append(level(i).decode())
        i += 1
    return [name for name in names if name]
