"""What belongs to the process, whichever build of the kernels it uses: locks, forks, and what its processor runs."""
cimport cython
from cpython.pythread cimport PyThread_get_thread_ident


cdef extern from "_levels.h":
    const int N_LEVELS "FASTMLP_N_LEVELS"
    const char* level_name "fastmlp_level_name"(int i)
    bint runs_level "fastmlp_runs_level"(int i)

# How many forks this process comes from, and the thread of the last one, which alone is in it.
cdef Py_ssize_t n_forks = 0
cdef long forking_thread = 0


@cython.final
cdef class Exclusive:
    """Lets one thread in at a time, as often as it likes, and refuses the others."""

    cdef long owner
    cdef Py_ssize_t depth, forks

    def run(self, function, *arguments):
        """What the function gives, with all other threads kept out while it runs.

        Not a context manager: a signal's exception between its methods may skip the second one, and keep all other
        threads out for ever. Here none is raised between the call and what follows it.
        """
        cdef long thread = PyThread_get_thread_ident()
        # A child forked while another thread was inside has it still inside, though that thread does not exist; one of
        # the child's own may have its number.
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
    """Copy the second array of each pair into the first one, and set attributes, as one step that no signal divides."""
    for target, source in copies:
        target[...] = source
    for name, value in attributes.items():
        setattr(owner, name, value)


def after_fork_in_child():
    """Forget the threads that the child has not got."""
    global forking_thread, n_forks
    n_forks += 1
    forking_thread = PyThread_get_thread_ident()


def supported_levels():
    """The builds of the kernels that there are for this processor, the best one last."""
    return [level_name(i).decode() for i in range(N_LEVELS) if runs_level(i)]
