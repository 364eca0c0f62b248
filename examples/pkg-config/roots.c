/* Prints square roots and their slopes, which newton.dp computes. */
#include "newton.h"

#include <stdio.h>

int main(void) {
    for (int a = 1; a <= 4; a++) {
        double root, slope;
        if (root_and_slope(a, &root, &slope) != DPROG_OK) {
            fprintf(stderr, "%s\n", dprog_last_error());
            return 3;
        }
        printf("sqrt(%d) = %.6f, slope %.6f\n", a, root, slope);
    }
    return 0;
}
