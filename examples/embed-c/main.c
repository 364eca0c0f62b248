/*
 * Solves an equation that is given when the program runs.
 *
 *     ./solve "x * x - 2.0" 1.0
 *
 * The expression is dProg in `x`. The program compiles it, takes its derivative, and runs Newton's method from the second
 * argument.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "dprog.h"

typedef int32_t (*value_and_slope)(double x, double *value, double *slope);

static int fail(const char *what) {
    fprintf(stderr, "%s\n%s\n", what, dprog_last_error());
    return 1;
}

static int solve(value_and_slope f, double x) {
    for (int step = 0; step < 100; step++) {
        double value, slope;
        if (f(x, &value, &slope) != DPROG_OK) return fail("the expression trapped:");
        double next = x - value / slope;
        if (fabs(next - x) <= 1e-14 * fabs(next)) {
            printf("x = %.12g\n", next);
            return 0;
        }
        x = next;
    }
    fprintf(stderr, "no root was found\n");
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s EXPRESSION START\n", argv[0]);
        return 2;
    }
    char text[4096];
    snprintf(text, sizeof text, "fn f(x: f64) -> f64 { %s }", argv[1]);

    dprog_compiler *compiler = dprog_compiler_new();
    dprog_module *module = NULL;
    dprog_function *function = NULL;
    int status = 1;
    if (dprog_compile(compiler, "equation", text, &module) != DPROG_OK) {
        fail("this is no expression:");
    } else if (dprog_derivative(module, "value_and_grad", "f", "x", "int32_t (double, double *, double *)", &function) != DPROG_OK) {
        fail("this has no derivative:");
    } else {
        status = solve((value_and_slope)dprog_function_pointer(function), atof(argv[2]));
    }
    dprog_function_free(function);
    dprog_module_free(module);
    dprog_compiler_free(compiler);
    return status;
}
