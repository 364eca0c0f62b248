/* Four threads call functions through the C face, with good and with bad arguments, and check every answer. Prints how many were wrong.
 * `threads 250000` is what docs/embedding.md speaks of. */
#include "dprog.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static const char *SOURCE =
    "fn cubic(x: f64) -> f64 { x * x * x + 2.0 * x * x - 4.0 * x }\n"
    "fn pickf(x: [f64; 5], i: i64) -> f64 { x[i] * x[i] }\n"
    "fn norm2<n>(x: [f64; n]) -> f64 { dot(x, x) }\n"
    "fn some<n>(x: [f64; n]) -> [f64; some k] {\n"
    "    var l = List<f64>::new(); for v in x { if v > 2.5 { l.push(v); } } let k = l.len(); l as [f64; k]\n"
    "}\n"
    "fn check(x: f64) -> f64 { assert(x > 0.0, \"no {x}\"); 0.5 * x }\n";

static long rounds;
static int32_t (*slope)(double, double *);
static int32_t (*pick)(const double *, int64_t, double *);
static int32_t (*grad)(int64_t, const double *, double *, double *);
static int32_t (*some)(int64_t, const double *, dprog_list_f64 *);
static int32_t (*check)(double, double *);
static dprog_function *kept[9]; static int count;
static dprog_any_function get(dprog_module *m, const char *op, const char *name) {
    dprog_function *f = NULL;
    int s = op ? dprog_derivative(m, op, name, NULL, NULL, &f) : dprog_lookup(m, name, NULL, &f);
    if (s) { fprintf(stderr, "%s\n", dprog_last_error()); exit(1); }
    kept[count++] = f;
    return dprog_function_pointer(f);
}
static void *work(void *bad) {
    double x[5] = {1, 2, 3, 4, 5}, y, g[5];
    for (long i = 0; i < rounds; i++) {
        int ok = 1;
        switch (i % 7) {
        case 0: ok = slope(2.0, &y) == 0 && y == 16.0; break;
        case 1: ok = grad(5, x, &y, g) == 0 && y == 55.0 && g[4] == 10.0; break;
        case 2: ok = pick(x, 9, g) == DPROG_TRAP_BOUNDS && strstr(dprog_last_error(), "index 9 is out of bounds for size 5"); break;
        case 3: ok = pick(x, 2, g) == 0 && g[2] == 6.0; break;
        case 4: { dprog_list_f64 l; ok = some(5, x, &l) == 0 && l.len == 3 && l.data[0] == 3.0; dprog_free(l.data); break; }
        case 5: ok = check(-1.0, &y) == DPROG_TRAP_MESSAGE && check(2.0, &y) == 0 && y == 1.0; break;
        case 6: ok = slope(1.0, NULL) == DPROG_ERROR_ARGUMENT && grad(-1, x, &y, g) == DPROG_ERROR_ARGUMENT && grad(5, NULL, &y, g) == DPROG_ERROR_ARGUMENT; break;
        }
        if (!ok) { fprintf(stderr, "%ld: %s\n", i, dprog_last_error()); ++*(long *)bad; return NULL; }
    }
    return NULL;
}
int main(int argc, char **argv) {
    rounds = argc > 1 ? atol(argv[1]) : 250000;
    dprog_compiler *c = dprog_compiler_new();
    dprog_module *m = NULL;
    if (dprog_compile(c, "threads.dp", SOURCE, &m)) {
        puts(dprog_last_error());
        return 1;
    }
    slope = (int32_t(*)(double, double *))get(m, "grad", "cubic");
    pick = (int32_t(*)(const double *, int64_t, double *))get(m, "grad", "pickf");
    grad = (int32_t(*)(int64_t, const double *, double *, double *))get(m, "value_and_grad", "norm2");
    some = (int32_t(*)(int64_t, const double *, dprog_list_f64 *))get(m, NULL, "some");
    check = (int32_t(*)(double, double *))get(m, NULL, "check");
    dprog_module_free(m); dprog_compiler_free(c);
    pthread_t t[4]; long bad[4] = {0}, all = 0;
    for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, work, &bad[i]);
    for (int i = 0; i < 4; i++) { pthread_join(t[i], NULL); all += bad[i]; }
    printf("4 threads by %ld: %ld failures\n", rounds, all);
    for (int i = 0; i < count; i++) dprog_function_free(kept[i]);
    return all != 0;
}
