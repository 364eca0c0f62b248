/* Fits the law of Michaelis and Menten to measurements by the method of Gauss and Newton. The residuals and their Jacobian are
 * functions of michaelis.dp; the rest is C.
 *
 *     ./fit ../data/puromycin.csv
 */
#include "michaelis.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 1000 };

static int64_t read_table(const char *path, double *concentration, double *rate) {
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        exit(4);
    }
    char line[256];
    int64_t n = 0;
    while (n < MOST && fgets(line, sizeof line, file)) {
        if (sscanf(line, "%lf,%lf", &concentration[n], &rate[n]) == 2) n++;
    }
    fclose(file);
    return n;
}

static void check(int32_t status) {
    if (status != DPROG_OK) {
        fprintf(stderr, "%s\n", dprog_last_error());
        exit(3);
    }
}

int main(int argc, char **argv) {
    static double concentration[MOST], rate[MOST], r[MOST], jacobian[2 * MOST];
    int64_t n = read_table(argc > 1 ? argv[1] : "../data/puromycin.csv", concentration, rate);
    double p[2] = {200.0, 0.1};
    for (int step = 1; step <= 50; step++) {
        check(residuals(n, p, concentration, rate, r));
        check(residuals_jacobian(n, p, concentration, rate, jacobian));
        /* The normal equations of two unknowns. */
        double a = 0, b = 0, c = 0, u = 0, v = 0;
        for (int64_t i = 0; i < n; i++) {
            double x = jacobian[2 * i], y = jacobian[2 * i + 1];
            a += x * x, b += x * y, c += y * y;
            u += x * r[i], v += y * r[i];
        }
        double det = a * c - b * b;
        double dv = (c * u - b * v) / det, dk = (a * v - b * u) / det;
        p[0] -= dv, p[1] -= dk;
        if (fabs(dv) <= 1e-12 * fabs(p[0]) && fabs(dk) <= 1e-12 * fabs(p[1])) {
            printf("Vm %.6f, K %.10f after %d steps\n", p[0], p[1], step);
            return 0;
        }
    }
    fprintf(stderr, "the fit does not converge\n");
    return 1;
}
