/* The builds of the kernels, by the vector instructions that they may use, and which of them this processor runs.
   setup.py, where they are named, defines FASTMLP_LEVELS: LEVEL(name, condition) for each, the best one last. */
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
