"""The calling thread's treatment of denormal numbers."""


cdef extern from "_float_mode.h" nogil:
    unsigned long flush_denormals "fastmlp_flush_denormals"() noexcept
    void restore "fastmlp_set_float_mode"(unsigned long before) noexcept
