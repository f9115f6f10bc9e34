"""How this module was compiled."""


cdef extern from "_build.h":
    const char* COMPILER "FASTMLP_COMPILER"
    const char* SIMD "FASTMLP_SIMD"
    const char* BUILD "FASTMLP_BUILD"
    const char* FLAGS "FASTMLP_FLAGS"
