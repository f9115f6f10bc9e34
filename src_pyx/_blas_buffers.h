/* Memory for the buffers of SciPy's BLAS, tried before a kernel needs it.

   OpenBLAS keeps a buffer for each product under way, and maps a new one where all are in use; where it cannot, it tries
   again for ever (blas_memory_alloc in its driver/others/memory.c), out of any signal's reach. So as many as there are
   threads at work are had at once beforehand, and given back: OpenBLAS does not unmap them. */
#ifndef FASTMLP_BLAS_BUFFERS_H
#define FASTMLP_BLAS_BUFFERS_H

#include <stddef.h>
#include <sys/mman.h>

/* Bytes of a buffer (BUFFER_SIZE in OpenBLAS's common_x86_64.h, and the largest of its other processors). */
#if defined(__x86_64__)
#define FASTMLP_BLAS_BUFFER ((size_t)32 << 20)
#else
#define FASTMLP_BLAS_BUFFER ((size_t)128 << 20)
#endif

/* Threads that are provided for: OpenBLAS has at least as many buffers, where it is built for as many threads. */
enum { FASTMLP_BLAS_MOST = 64 };

static void *(*fastmlp_blas_alloc)(int) = 0;
static void (*fastmlp_blas_free)(void *) = 0;
/* Threads at work in kernels, and how many of them have been provided for; changed with the GIL held. */
static int fastmlp_blas_users = 0;
static int fastmlp_blas_provided = 0;

/* Provide for all that are at work and n more; 0 where the memory is short. */
static inline int fastmlp_blas_provide(int n)
{
    void *buffers[FASTMLP_BLAS_MOST], *trial;
    int wanted = fastmlp_blas_users + n, n_had = 0;
    size_t n_bytes;
    if (wanted > FASTMLP_BLAS_MOST)
        wanted = FASTMLP_BLAS_MOST;
    if (!fastmlp_blas_alloc || wanted <= fastmlp_blas_provided)
        return 1;
    /* those that were provided before are mapped still, and all that are at work may be in use */
    n_bytes = (wanted - fastmlp_blas_provided + fastmlp_blas_users) * FASTMLP_BLAS_BUFFER;
    trial = mmap(0, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (trial == MAP_FAILED)
        return 0;
    munmap(trial, n_bytes);
    while (n_had < wanted && (buffers[n_had] = fastmlp_blas_alloc(0)))
        n_had++;
    if (n_had == wanted)
        fastmlp_blas_provided = wanted;
    while (n_had > 0)
        fastmlp_blas_free(buffers[--n_had]);
    return fastmlp_blas_provided == wanted;
}

#endif
