"""Dropout (Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, 2014).

Which units are dropped follows from the network's seed, the number of updates so far, the layer, the row within the
batch and the unit, and so neither from the number of threads nor from what was computed before.
"""
from cython cimport floating
from libc.stdint cimport uint32_t, uint64_t

cdef enum:
    # Counters that the generator takes at a time, each of which gives four words. Unit 64 i + 16 j + k has word j of
    # counter 16 i + k, so that the words of a run of units lie as they are computed, in vectors.
    COUNTERS = 16
    UNITS = 64
    ROUNDS = 10


cdef extern from *:
    """
    /* multipliers and increments of the key: Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011, 3.3 */
    static const uint32_t fastmlp_philox_m0 = 0xD2511F53u, fastmlp_philox_m1 = 0xCD9E8D57u;
    static const uint32_t fastmlp_philox_w0 = 0x9E3779B9u, fastmlp_philox_w1 = 0xBB67AE85u;
    """
    const uint32_t M0 "fastmlp_philox_m0"
    const uint32_t M1 "fastmlp_philox_m1"
    const uint32_t W0 "fastmlp_philox_w0"
    const uint32_t W1 "fastmlp_philox_w1"


cdef struct Dropout:
    # whether this pass drops units; the network's seed, and the number of updates before
    bint active
    uint32_t seed
    uint64_t n_updates


cdef inline void drop(
    const Dropout* dropout, Py_ssize_t layer, Py_ssize_t limit, Py_ssize_t row, Py_ssize_t first, Py_ssize_t n,
    floating* restrict x
) noexcept nogil:
    """x := 0 for units that are dropped, x / (1 - rate) for others: n units of a layer, from `first` on, in one row.

    The rate is limit / 2**31, and layer 0 are the network's inputs.
    """
    cdef uint32_t words[UNITS]
    cdef floating scale = <floating> (1 / (1 - limit / 2147483648.0))
    cdef Py_ssize_t i, at, run, j = 0
    while j < n:
        at = (first + j) % UNITS
        run = min(UNITS - at, n - j)
        philox(words, <uint32_t> ((first + j) // UNITS * COUNTERS), <uint32_t> row, dropout.n_updates, dropout.seed,
               <uint32_t> layer)
        for i in range(run):
            x[j + i] = x[j + i] * scale if words[at + i] >> 1 >= <uint32_t> limit else 0
        j += run


cdef inline void philox(
    uint32_t* words, uint32_t first, uint32_t row, uint64_t n_updates, uint32_t seed, uint32_t layer
) noexcept nogil:
    """words (4, COUNTERS) := Philox4x32-10 of counters (first + 0, 1, ..., row, n_updates), key (seed, layer).

    Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011, section 3.3.
    """
    # each word in an element of 64 bits, as vector instructions multiply them
    cdef uint64_t x0[COUNTERS]
    cdef uint64_t x1[COUNTERS]
    cdef uint64_t x2[COUNTERS]
    cdef uint64_t x3[COUNTERS]
    cdef uint64_t product0, product1
    cdef int i, _
    for i in range(COUNTERS):
        x0[i], x1[i], x2[i], x3[i] = first + <uint32_t> i, row, <uint32_t> n_updates, n_updates >> 32
    for _ in range(ROUNDS):
        for i in range(COUNTERS):
            product0, product1 = <uint64_t> M0 * <uint32_t> x0[i], <uint64_t> M1 * <uint32_t> x2[i]
            x0[i], x2[i] = product1 >> 32 ^ x1[i] ^ seed, product0 >> 32 ^ x3[i] ^ layer
            x1[i], x3[i] = <uint32_t> product1, <uint32_t> product0
        seed += W0
        layer += W1
    for i in range(COUNTERS):
        words[i], words[COUNTERS + i] = <uint32_t> x0[i], <uint32_t> x1[i]
        words[2 * COUNTERS + i], words[3 * COUNTERS + i] = <uint32_t> x2[i], <uint32_t> x3[i]
