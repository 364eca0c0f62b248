/* What a call costs: of a C function, of an exported gradient, and of the same gradient through dprog.h. Each call waits for the one
 * before. Prints nanoseconds; of many short runs the fastest counts, since others may be at work on the machine. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "dprog.h"
#define DPROG_STATUS_DEFINED
#include "slope.h"

#ifndef CALLS
#define CALLS 20000
#define RUNS 1000
#endif

typedef int32_t (*scalar_fn)(double, double *);
typedef int32_t (*array_fn)(int64_t, const double *, double *, double *);

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

__attribute__((noinline)) static double by_hand(double x) {
    return 3.0 * x * x + 2.0 * x;
}

/* The same with a status, as an adjoint written in C would have it. */
__attribute__((noinline)) static int32_t slope_by_hand(double x, double *slope) {
    if (!slope) return 1;
    *slope = 3.0 * x * x + 2.0 * x;
    return 0;
}

__attribute__((noinline)) static int32_t norm2_by_hand(int64_t n, const double *x, double *value, double *gradient) {
    double s = 0.0;
    for (int64_t i = 0; i < n; i++) s += x[i] * x[i];
    for (int64_t i = 0; i < n; i++) gradient[i] = 2.0 * x[i];
    *value = s;
    return 0;
}

static double scalar(double (*plain)(double), scalar_fn with_status) {
    double best = INFINITY;
    for (int run = 0; run < RUNS; run++) {
        double x = 0.5, y = 0.0, start = now();
        for (long i = 0; i < CALLS; i++) {
            if (plain) y = plain(x);
            else if (with_status(x, &y)) abort();
            x = 0.5 + 1e-9 * y;
        }
        double each = (now() - start) / CALLS;
        if (x < 0.0) abort();
        if (each < best) best = each;
    }
    return best;
}

static double array(array_fn f) {
    double best = INFINITY;
    for (int run = 0; run < RUNS; run++) {
        double x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, g[8], y = 0.0, start = now();
        for (long i = 0; i < CALLS; i++) {
            if (f(8, x, &y, g)) abort();
            x[0] = 0.5 + 1e-9 * y;
        }
        double each = (now() - start) / CALLS;
        if (each < best) best = each;
    }
    return best;
}

static dprog_any_function embedded(const char *op, const char *name) {
    static const char *text =
        "fn cubic(x: f64) -> f64 { x * x * x + x * x }\nfn norm2<n>(x: [f64; n]) -> f64 { dot(x, x) }\n";
    dprog_compiler *compiler = dprog_compiler_new();
    dprog_module *module = NULL;
    dprog_function *function = NULL;
    if (dprog_compile(compiler, "slope.dp", text, &module) || dprog_derivative(module, op, name, NULL, NULL, &function)) {
        fprintf(stderr, "%s\n", dprog_last_error());
        exit(1);
    }
    return dprog_function_pointer(function);
}

int main(void) {
    double (*volatile hand)(double) = by_hand;
    volatile scalar_fn object = slope, status = slope_by_hand;
    volatile array_fn array_hand = norm2_by_hand, array_object = norm2_grad;
    scalar_fn handle = (scalar_fn)embedded("grad", "cubic");
    array_fn array_handle = (array_fn)embedded("value_and_grad", "norm2");
    double c = scalar(hand, NULL), s = scalar(NULL, status), o = scalar(NULL, object), h = scalar(NULL, handle);
    printf("a number:  C %.2f ns, with a status %+.2f ns, object %+.2f ns, dprog.h %+.2f ns\n", c, s - c, o - c, h - c);
    c = array(array_hand), o = array(array_object), h = array(array_handle);
    printf("8 numbers: C %.2f ns, object %+.2f ns, dprog.h %+.2f ns\n", c, o - c, h - c);
    return 0;
}
