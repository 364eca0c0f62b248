#include "places.h"
#include <stdio.h>
#include <string.h>
#include "ok.h"

#define N 5
static const double X[N] = {1.0, 2.5, -3.0, 4.0, 0.5};

static void show(int n, const double *x) {
    for (int i = 0; i < n; i++) printf("%.17g ", x[i]);
    printf("\n");
}

int main(void) {
    double y[N], z[N + 1], s;
    OK(turned(N, X, y));
    show(N, y);
    /* From apart in front to apart behind. */
    for (int shift = -5; shift <= 5; shift++) {
        double memory[3 * N], *x = memory + N;
        memcpy(x, X, sizeof X);
        OK(turned(N, x, x + shift));
        show(N, x + shift);
        memcpy(x, X, sizeof X);
        OK(added(N, x, x + shift));
        show(N, x + shift);
    }
    OK(pairs(N, X, y, z, &s));
    show(N, y);
    show(N + 1, z);
    printf("%.17g\n", s);
    OK(one_side(N, X, y));
    show(N, y);
    const double zeros[N] = {0};
    OK(one_side(N, zeros, y));
    show(N, y);
    const double seed[N] = {1, 2, 3, 4, 5};
    double g[N];
    OK(turned_vjp(N, X, seed, y, g));
    show(N, y);
    show(N, g);
    double x[N], squares[N];
    memcpy(x, X, sizeof X);
    OK(moved(N, x));
    show(N, x);
    for (int i = 0; i < N; i++) squares[i] = x[i] * x[i];
    if (roots(N, x, y) == 0) printf("roots of what is negative\n");
    OK(roots(N, squares, squares));
    show(N, squares);
    return 0;
}
