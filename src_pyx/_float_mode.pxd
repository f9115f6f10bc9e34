"""The calling thread's treatment of denormal numbers."""


cdef extern from "_float_mode.h" nogil:
    ctypedef unsigned long FloatMode "fastmlp_float_mode"
    FloatMode flush_denormals "fastmlp_flush_denormals"() noexcept
    void restore "fastmlp_restore_float_mode"(FloatMode before) noexcept
