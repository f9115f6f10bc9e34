/* The builds of the kernels, one for each level of vector instructions, and which of them this processor runs. setup.py
   lists them, and defines FASTMLP_LEVELS: LEVEL(name, condition) for each, the fastest one last. */
#ifndef FASTMLP_LEVELS_H
#define FASTMLP_LEVELS_H

#define LEVEL(name, condition) name,
static const char *const fastmlp_level_names[] = {FASTMLP_LEVELS};
#undef LEVEL
#define FASTMLP_N_LEVELS ((int)(sizeof(fastmlp_level_names) / sizeof(*fastmlp_level_names)))

static const char *fastmlp_level_name(int i) { return fastmlp_level_names[i]; }

static int fastmlp_runs_level(int i)
{
#define LEVEL(name, condition) (condition),
    const int runs[] = {FASTMLP_LEVELS};
    return runs[i];
}

#endif
