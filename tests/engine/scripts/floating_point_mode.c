/* What the calling thread, and the members of a team, do with denormal numbers and with rounding. */
#include <fenv.h>
#include <omp.h>

/* whether the calling thread computes with denormal numbers, and rounds to the nearest */
int untouched(void) {
    volatile double denormal = 4.9406564584124654e-324;
    return denormal * 1.0 != 0 && fegetround() == FE_TONEAREST;
}

/* how many of a team's members do */
int untouched_members(int n) {
    int found = 0;
    #pragma omp parallel num_threads(n) reduction(+:found)
    found += untouched();
    return found;
}
