/* Memory for the buffers of SciPy's BLAS, allocated before a kernel needs it.

   OpenBLAS uses a buffer for each product that is being computed, and maps a new one if all are in use. If that fails,
   it tries again forever (blas_memory_alloc in its driver/others/memory.c), and no signal can interrupt it. So as many
   buffers as threads are at work are allocated at once beforehand and freed again: OpenBLAS keeps them mapped. */
#ifndef FASTMLP_BLAS_BUFFERS_H
#define FASTMLP_BLAS_BUFFERS_H

#include <stddef.h>
#include <sys/mman.h>

/* The size of a buffer in bytes (BUFFER_SIZE in OpenBLAS's common_x86_64.h, and the largest for other processors). */
#if defined(__x86_64__)
#define FASTMLP_BLAS_BUFFER ((size_t)32 << 20)
#else
#define FASTMLP_BLAS_BUFFER ((size_t)128 << 20)
#endif

/* The most buffers that are allocated: OpenBLAS has at least as many if it is built for as many threads. */
enum { FASTMLP_BLAS_MOST = 64 };

static void *(*fastmlp_blas_alloc)(int) = 0;
static void (*fastmlp_blas_free)(void *) = 0;
/* The numbers of threads at work in kernels, and of buffers that have been mapped; changed with the GIL held. */
static int fastmlp_blas_users = 0;
static int fastmlp_blas_provided = 0;

/* Map buffers for all threads at work and n more; returns 0 if the memory does not suffice. */
static inline int fastmlp_blas_provide(int n)
{
    void *buffers[FASTMLP_BLAS_MOST], *trial;
    int wanted = fastmlp_blas_users + n, n_had = 0;
    size_t n_bytes;
    if (wanted > FASTMLP_BLAS_MOST)
        wanted = FASTMLP_BLAS_MOST;
    if (!fastmlp_blas_alloc || wanted <= fastmlp_blas_provided)
        return 1;
    /* buffers that were mapped before still are, but those of the threads at work may be in use */
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
