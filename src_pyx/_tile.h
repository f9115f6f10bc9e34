/* One tile of a matrix product, computed in registers:

       c[i, j] := start + a[i, 0] * b[0, j] + a[i, 1] * b[1, j] + ..., where start is 0, or what c[i, j] was

   a[i, t] is at a + i * ra + t * ta, b[t, j] at b + t * ldb + j, c[i, j] at c + i * ldc + j. Each element is one chain of
   multiply-adds, in the order of the terms. So its bits depend neither on the tile that it is in, nor on the width of a
   vector, nor on the instruction set, but for one without fused multiply-add, where each term is rounded twice.

   A term loads a row of b into vectors, and for each row of the tile multiplies them by one element of a. All sums stay
   in registers: 6 rows of 4 vectors where there are 32 of them (AVX-512), 5 rows where the elements of a take registers
   too (NEON), and 4 rows of 3 vectors where there are 16 (AVX2, SSE2). The last vector of a row may be partial: it is
   loaded and stored by a mask, so that nothing outside of b and c is touched.

   FMA, and loading and storing a part of a vector, are intrinsics of each instruction set: with contraction off, as in
   all of this package, only the intrinsic is exactly one instruction with every compiler. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#define FASTMLP_FMA 1
#define FASTMLP_TILE_ROWS 6
#define FASTMLP_TILE_VECTORS 4
#define FASTMLP_VECTOR_BYTES 64
#define MASK_float __mmask16
#define MASK_double __mmask8
#define FIRST_float(n) ((__mmask16)((1u << (n)) - 1))
#define FIRST_double(n) ((__mmask8)((1u << (n)) - 1))
#define FMA_float _mm512_fmadd_ps
#define FMA_double _mm512_fmadd_pd
#define LOAD_FIRST_float(p, mask) _mm512_maskz_loadu_ps(mask, p)
#define LOAD_FIRST_double(p, mask) _mm512_maskz_loadu_pd(mask, p)
#define STORE_FIRST_float _mm512_mask_storeu_ps
#define STORE_FIRST_double _mm512_mask_storeu_pd

#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#define FASTMLP_FMA 1
#define FASTMLP_TILE_ROWS 4
#define FASTMLP_TILE_VECTORS 3
#define FASTMLP_VECTOR_BYTES 32
#define MASK_float int32_t*
#define MASK_double int64_t*
/* read from n elements before the middle on, the first n elements are set */
static const int32_t fastmlp_mask_float[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
static const int64_t fastmlp_mask_double[8] = {-1, -1, -1, -1};
#define FIRST_float(n) (fastmlp_mask_float + 8 - (n))
#define FIRST_double(n) (fastmlp_mask_double + 4 - (n))
/* from memory each time: with 16 registers, sums and rows leave none for a mask, and clang would keep it there */
static inline __m256i fastmlp_mask(const void* place)
{
    __asm__ volatile("" : "+r"(place));
    return _mm256_loadu_si256(place);
}
#define FMA_float _mm256_fmadd_ps
#define FMA_double _mm256_fmadd_pd
#define LOAD_FIRST_float(p, mask) _mm256_maskload_ps(p, fastmlp_mask(mask))
#define LOAD_FIRST_double(p, mask) _mm256_maskload_pd(p, fastmlp_mask(mask))
#define STORE_FIRST_float(p, mask, x) _mm256_maskstore_ps(p, fastmlp_mask(mask), x)
#define STORE_FIRST_double(p, mask, x) _mm256_maskstore_pd(p, fastmlp_mask(mask), x)

#else
#define FASTMLP_VECTOR_BYTES 16
#define MASK_float ptrdiff_t
#define MASK_double ptrdiff_t
/* Numbers are loaded and stored one by one, n of 1 to 3 floats or 1 double. Without branches: places in the vector after
   the first n repeat the last of these, in b and in c, and so their sum is the same number. */
#define FIRST_float(n) (n)
#define FIRST_double(n) (n)
#define LOAD_FIRST_float(p, n) ((fastmlp_floats){(p)[0], (p)[(n) > 1], (p)[(n) - 1]})
#define LOAD_FIRST_double(p, n) ((fastmlp_doubles){(p)[(n) - 1]})
#define STORE_FIRST_float(p, n, x) ((p)[0] = (x)[0], (p)[(n) > 1] = (x)[1], (p)[(n) - 1] = (x)[2])
#define STORE_FIRST_double(p, n, x) ((p)[(n) - 1] = (x)[0])
#if defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>
#define FASTMLP_FMA 1
#define FASTMLP_TILE_ROWS 5
#define FASTMLP_TILE_VECTORS 4
#define FMA_float(x, y, sum) vfmaq_f32(sum, x, y)
#define FMA_double(x, y, sum) vfmaq_f64(sum, x, y)
#else
/* without fused multiply-add: two roundings a term */
#define FASTMLP_FMA 0
#define FASTMLP_TILE_ROWS 4
#define FASTMLP_TILE_VECTORS 3
#define FMA_float(x, y, sum) ((sum) + (x) * (y))
#define FMA_double(x, y, sum) ((sum) + (x) * (y))
#endif
#endif

/* each number of rows and vectors that a tile may have, the largest ones last */
#if FASTMLP_TILE_VECTORS == 3
#define FOR_VECTORS(F, real, ROWS) F(real, ROWS, 1) F(real, ROWS, 2) F(real, ROWS, 3)
#else
#define FOR_VECTORS(F, real, ROWS) F(real, ROWS, 1) F(real, ROWS, 2) F(real, ROWS, 3) F(real, ROWS, 4)
#endif
#define FOR_4_ROWS(F, real)                                                                                            \
    FOR_VECTORS(F, real, 1) FOR_VECTORS(F, real, 2) FOR_VECTORS(F, real, 3) FOR_VECTORS(F, real, 4)
#if FASTMLP_TILE_ROWS == 4
#define FOR_TILES FOR_4_ROWS
#elif FASTMLP_TILE_ROWS == 5
#define FOR_TILES(F, real) FOR_4_ROWS(F, real) FOR_VECTORS(F, real, 5)
#else
#define FOR_TILES(F, real) FOR_4_ROWS(F, real) FOR_VECTORS(F, real, 5) FOR_VECTORS(F, real, 6)
#endif

/* whether all products are computed by tiles; chosen once, when the package is imported */
static int fastmlp_uses_tiles = 1;

/* clang does not unroll by the other one: sums would be in memory */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif
/* with 16 registers, clang 21 would load the next element of a early and spill a sum to make room for it */
#if defined(__clang__) && FASTMLP_VECTOR_BYTES == 32
#define ROW_BY_ROW __asm__ volatile("" ::: "memory");
#else
#define ROW_BY_ROW
#endif

/* ROWS, VECTORS, ADDS and WHOLE are constants wherever this is inlined: of its loops only that over the terms is left. */
#define FASTMLP_TILE(real)                                                                                             \
    typedef real fastmlp_##real##s __attribute__((vector_size(FASTMLP_VECTOR_BYTES)));                                 \
    typedef fastmlp_##real##s fastmlp_stored_##real##s __attribute__((aligned(sizeof(real)), may_alias));              \
    static inline __attribute__((always_inline)) void fastmlp_##real##_tile_of(                                        \
        const int ROWS, const int VECTORS, const int ADDS, const int WHOLE, ptrdiff_t columns, ptrdiff_t terms,        \
        const real* a, ptrdiff_t ra, ptrdiff_t ta, const real* b, ptrdiff_t ldb, real* c, ptrdiff_t ldc)               \
    {                                                                                                                  \
        enum { WIDTH = FASTMLP_VECTOR_BYTES / sizeof(real) };                                                          \
        const MASK_##real mask = FIRST_##real(columns - (VECTORS - 1) * WIDTH);                                        \
        fastmlp_##real##s sums[FASTMLP_TILE_ROWS][FASTMLP_TILE_VECTORS], row[FASTMLP_TILE_VECTORS];                    \
        UNROLL for (int i = 0; i < ROWS; i++)                                                                          \
            UNROLL for (int j = 0; j < VECTORS; j++) {                                                                 \
                real* place = c + i * ldc + j * WIDTH;                                                                 \
                if (!ADDS)                                                                                             \
                    sums[i][j] = (fastmlp_##real##s){0};                                                               \
                else if (WHOLE || j < VECTORS - 1)                                                                     \
                    sums[i][j] = *(const fastmlp_stored_##real##s*)place;                                              \
                else                                                                                                   \
                    sums[i][j] = LOAD_FIRST_##real(place, mask);                                                       \
            }                                                                                                          \
        for (ptrdiff_t t = 0; t < terms; t++, a += ta, b += ldb) {                                                     \
            UNROLL for (int j = 0; j < VECTORS; j++)                                                                   \
                if (WHOLE || j < VECTORS - 1)                                                                          \
                    row[j] = *(const fastmlp_stored_##real##s*)(b + j * WIDTH);                                        \
                else                                                                                                   \
                    row[j] = LOAD_FIRST_##real(b + j * WIDTH, mask);                                                   \
            UNROLL for (int i = 0; i < ROWS; i++) {                                                                    \
                ROW_BY_ROW                                                                                             \
                const fastmlp_##real##s factor = a[i * ra] - (fastmlp_##real##s){0};                                   \
                UNROLL for (int j = 0; j < VECTORS; j++)                                                               \
                    sums[i][j] = FMA_##real(factor, row[j], sums[i][j]);                                               \
            }                                                                                                          \
        }                                                                                                              \
        UNROLL for (int i = 0; i < ROWS; i++)                                                                          \
            UNROLL for (int j = 0; j < VECTORS; j++) {                                                                 \
                real* place = c + i * ldc + j * WIDTH;                                                                 \
                if (WHOLE || j < VECTORS - 1)                                                                          \
                    *(fastmlp_stored_##real##s*)place = sums[i][j];                                                    \
                else                                                                                                   \
                    STORE_FIRST_##real(place, mask, sums[i][j]);                                                       \
            }                                                                                                          \
    }

#define FASTMLP_TILE_OF(real, ROWS, VECTORS)                                                                           \
    static __attribute__((noinline)) void fastmlp_##real##_tile_##ROWS##x##VECTORS(                                    \
        int adds, int whole, ptrdiff_t columns, ptrdiff_t terms, const real* a, ptrdiff_t ra, ptrdiff_t ta,            \
        const real* b, ptrdiff_t ldb, real* c, ptrdiff_t ldc)                                                          \
    {                                                                                                                  \
        if (whole)                                                                                                     \
            fastmlp_##real##_tile_of(ROWS, VECTORS, adds, 1, columns, terms, a, ra, ta, b, ldb, c, ldc);               \
        else                                                                                                           \
            fastmlp_##real##_tile_of(ROWS, VECTORS, adds, 0, columns, terms, a, ra, ta, b, ldb, c, ldc);               \
    }

#define FASTMLP_TILE_CASE(real, ROWS, VECTORS)                                                                         \
    case (ROWS - 1) * FASTMLP_TILE_VECTORS + VECTORS - 1:                                                              \
        fastmlp_##real##_tile_##ROWS##x##VECTORS(adds, whole, columns, terms, a, ra, ta, b, ldb, c, ldc);              \
        break;

#define FASTMLP_TILE_FUNCTION(real)                                                                                    \
    FASTMLP_TILE(real)                                                                                                 \
    FOR_TILES(FASTMLP_TILE_OF, real)                                                                                   \
    static inline void fastmlp_##real##_tile(                                                                          \
        int adds, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t terms, const real* a, ptrdiff_t ra, ptrdiff_t ta,       \
        const real* b, ptrdiff_t ldb, real* c, ptrdiff_t ldc)                                                          \
    {                                                                                                                  \
        enum { WIDTH = FASTMLP_VECTOR_BYTES / sizeof(real) };                                                          \
        const ptrdiff_t vectors = (columns + WIDTH - 1) / WIDTH;                                                       \
        const int whole = columns == vectors * WIDTH;                                                                  \
        switch ((rows - 1) * FASTMLP_TILE_VECTORS + vectors - 1) {                                                     \
            FOR_TILES(FASTMLP_TILE_CASE, real)                                                                         \
        }                                                                                                              \
    }

FASTMLP_TILE_FUNCTION(float)
FASTMLP_TILE_FUNCTION(double)

/* for either type, as in tgmath.h */
#define fastmlp_tile(adds, rows, columns, terms, a, ra, ta, b, ldb, c, ldc)                                            \
    _Generic((c), float*: fastmlp_float_tile, double*: fastmlp_double_tile)(                                           \
        adds, rows, columns, terms, a, ra, ta, b, ldb, c, ldc)
