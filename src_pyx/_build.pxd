"""How this module was compiled, and what this processor can run."""


cdef extern from "_build.h":
    const char* COMPILER "FASTMLP_COMPILER"
    const char* SIMD "FASTMLP_SIMD"
    const char* BUILD "FASTMLP_BUILD"
    const char* FLAGS "FASTMLP_FLAGS"
    bint supports_x86_64_v3 "fastmlp_supports_x86_64_v3"() noexcept
