/* Calls of the C face that nobody should make, and calls that are right after them. Prints "ok" if all of it is as it should be. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dprog.h"

#define EXPECT(what) \
    do { \
        if (!(what)) { \
            fprintf(stderr, "%s:%d: %s\n%s\n", __FILE__, __LINE__, #what, dprog_last_error()); \
            exit(1); \
        } \
    } while (0)

static const char *SOURCE =
    "fn norm2<n>(x: [f64; n]) -> f64 { dot(x, x) }\n"
    "fn down(x: f64, n: i64) -> f64 { if n == 0 { x } else { sin(down(x, n - 1)) } }\n"
    "fn pick(x: [f64; 4], i: i64) -> f64 { x[i] * x[0] }\n"
    "fn long(x: f64, n: i64) -> f64 { var a = x; var i = 0; while i < n { a = sin(a) + 0.1 * a * a; i += 1; } a }\n"
    "fn spin(x: f64) -> f64 { var a = x; while a > 0.0 { a = a * 0.5 + 1.0; } a }\n"
    "fn scale<n>(a: f64, x: inout [f64; n]) -> i64 { for i in 0..n { x[i] = a * x[i]; } n }\n"
    "fn turned<n>(x: [f64; n]) -> [f64; n] { [2.0 * x[n - 1 - i] for i in 0..n] }\n"
    "fn both<n>(x: [f64; n]) -> ([f64; n], [f64; n]) { ([x[n - 1 - i] for i in 0..n], x + 1.0) }\n";

typedef int32_t (*sum_fn)(int64_t, const double *, double *);
typedef int32_t (*grad_fn)(int64_t, const double *, double *, double *);
typedef int32_t (*deep_fn)(double, int64_t, double *);
typedef int32_t (*pick_fn)(const double *, int64_t, double *);
typedef int32_t (*spin_fn)(double, double *);
typedef int32_t (*turned_fn)(int64_t, const double *, double *);
typedef int32_t (*both_fn)(int64_t, const double *, double *, double *);
typedef int32_t (*scale_fn)(int64_t, double, double *, int64_t *);

static dprog_compiler *compiler;
static dprog_module *module;
static dprog_cancel *token;

static dprog_function *lookup(const char *name, const char *type) {
    dprog_function *function = NULL;
    EXPECT(dprog_lookup(module, name, type, &function) == DPROG_OK);
    return function;
}

static dprog_function *derivative(const char *op, const char *name, const char *wrt, const char *type) {
    dprog_function *function = NULL;
    EXPECT(dprog_derivative(module, op, name, wrt, type, &function) == DPROG_OK);
    return function;
}

static void compiling(void) {
    dprog_module *none = NULL;
    dprog_function *function = NULL;
    dprog_diagnostic problem;
    EXPECT(dprog_compile(NULL, "a.dp", "", &none) == DPROG_ERROR_ARGUMENT);
    EXPECT(dprog_compile(compiler, NULL, "", &none) == DPROG_ERROR_ARGUMENT);
    EXPECT(dprog_compile(compiler, "a.dp", NULL, &none) == DPROG_ERROR_ARGUMENT);
    EXPECT(dprog_compile(compiler, "a.dp", "", NULL) == DPROG_ERROR_ARGUMENT);
    EXPECT(dprog_compile(compiler, "a.dp", "\xff", &none) == DPROG_ERROR_ARGUMENT);
    EXPECT(dprog_compile(compiler, "a.dp", "fn f() -> f64 {\n  y }", &none) == DPROG_ERROR_COMPILE);
    EXPECT(dprog_diagnostic_count() == 1 && dprog_diagnostic_get(0, &problem) == DPROG_OK);
    EXPECT(problem.is_error && problem.line == 2 && problem.column == 3 && problem.end_column == 4);
    EXPECT(strcmp(problem.file, "a.dp") == 0 && problem.code[0] == 'E' && strstr(problem.rendered, "--> a.dp:2:3"));
    EXPECT(dprog_diagnostic_get(1, &problem) == DPROG_ERROR_ARGUMENT);
    EXPECT(dprog_diagnostic_get(0, NULL) == DPROG_ERROR_ARGUMENT);
    EXPECT(dprog_compile_file(compiler, "/nonexistent.dp", &none) == DPROG_ERROR_FILE);
    EXPECT(dprog_lookup(module, "missing", NULL, &function) == DPROG_ERROR_NOT_FOUND);
    EXPECT(dprog_lookup(NULL, "norm2", NULL, &function) == DPROG_ERROR_ARGUMENT);
    EXPECT(dprog_lookup(module, "norm2", "int32_t (double *)", &function) == DPROG_ERROR_TYPE);
    EXPECT(strstr(dprog_last_error(), "fn norm2<n>(x: [f64; n]) -> f64") && strstr(dprog_last_error(), "int32_t (double *)"));
    EXPECT(dprog_derivative(module, "gradient", "norm2", NULL, NULL, &function) == DPROG_ERROR_ARGUMENT);
    EXPECT(dprog_derivative(module, "grad", "norm2", "z", NULL, &function) == DPROG_ERROR_COMPILE);
    EXPECT(dprog_module_function_count(module) == 8 && dprog_module_function_head(module, 8) == NULL);
    EXPECT(strcmp(dprog_module_function_head(module, 0), "fn norm2<n>(x: [f64; n]) -> f64") == 0);
    EXPECT(function == NULL && none == NULL && dprog_function_pointer(NULL) == NULL);
    dprog_module_free(NULL);
    dprog_function_free(NULL);
}

static void arguments(void) {
    dprog_function *sum = lookup("norm2", "int32_t (int64_t n, const double *x, double *result)");
    dprog_function *both = derivative("value_and_grad", "norm2", "x", "int32_t(int64_t, double const *, double *, double *)");
    dprog_function *scale = lookup("scale", "int32_t (int64_t, double, double *, int64_t *)");
    sum_fn norm2 = (sum_fn)dprog_function_pointer(sum);
    grad_fn value_and_grad = (grad_fn)dprog_function_pointer(both);
    double x[3] = {1.0, 2.0, 3.0}, value = 0.0, gradient[3] = {0.0, 0.0, 0.0};
    int64_t count = 0;
    EXPECT(norm2(3, NULL, &value) == DPROG_ERROR_ARGUMENT && strstr(dprog_last_error(), "`x` is null"));
    EXPECT(norm2(3, x, NULL) == DPROG_ERROR_ARGUMENT && norm2(-1, x, &value) == DPROG_ERROR_ARGUMENT);
    EXPECT(norm2(INT64_MAX, x, &value) != DPROG_OK);
    EXPECT(norm2(3, x, &value) == DPROG_OK && value == 14.0);
    EXPECT(norm2(0, x, &value) == DPROG_OK && value == 0.0);
    EXPECT(value_and_grad(3, x, &value, NULL) == DPROG_ERROR_ARGUMENT);
    EXPECT(value_and_grad(3, x, &value, gradient) == DPROG_OK && value == 14.0 && gradient[2] == 6.0);
    EXPECT(((scale_fn)dprog_function_pointer(scale))(3, 2.0, x, &count) == DPROG_OK && count == 3 && x[2] == 6.0);
    dprog_function_free(sum);
    dprog_function_free(both);
    dprog_function_free(scale);
}

/* Results are made where the caller wants them, but not over what is still to be read. */
static void overlaps(void) {
    dprog_function *turned = lookup("turned", "int32_t (int64_t, const double *, double *)");
    dprog_function *both = lookup("both", "int32_t (int64_t, const double *, double *, double *)");
    turned_fn turn = (turned_fn)dprog_function_pointer(turned);
    both_fn twice = (both_fn)dprog_function_pointer(both);
    for (int shift = -9; shift <= 9; shift++) {
        double memory[40], last[8];
        for (int i = 0; i < 40; i++) memory[i] = i;
        double *x = memory + 16, *result = x + shift;
        EXPECT(turn(8, x, result) == DPROG_OK);
        for (int i = 0; i < 8; i++) EXPECT(result[i] == 2.0 * (16 + 7 - i));
        for (int i = 0; i < 40; i++) memory[i] = i;
        EXPECT(twice(8, x, result, last) == DPROG_OK);
        for (int i = 0; i < 8; i++) EXPECT(result[i] == 16 + 7 - i && last[i] == 16 + i + 1);
    }
    dprog_function_free(turned);
    dprog_function_free(both);
}

static void *deep(void *unused) {
    dprog_function *plain = lookup("down", "int32_t (double, int64_t, double *)");
    dprog_function *slope = derivative("grad", "down", "x", "int32_t (double, int64_t, double *)");
    double value = 0.0;
    (void)unused;
    EXPECT(((deep_fn)dprog_function_pointer(plain))(0.5, 100000, &value) == DPROG_OK);
    EXPECT(((deep_fn)dprog_function_pointer(slope))(0.5, 100000, &value) == DPROG_OK);
    EXPECT(((deep_fn)dprog_function_pointer(slope))(0.5, 2000000, &value) == DPROG_TRAP_DEPTH);
    EXPECT(((deep_fn)dprog_function_pointer(slope))(0.5, 0, &value) == DPROG_OK && value == 1.0);
    dprog_function_free(plain);
    dprog_function_free(slope);
    return NULL;
}

static void traps(void) {
    dprog_function *slope = derivative("grad", "pick", "x", "int32_t (const double *, int64_t, double *)");
    pick_fn pick = (pick_fn)dprog_function_pointer(slope);
    double x[4] = {1.0, 2.0, 3.0, 4.0}, g[4];
    EXPECT(pick(x, 4, g) == DPROG_TRAP_BOUNDS);
    EXPECT(strstr(dprog_last_error(), "trap: index 4 is out of bounds for size 4\n  --> hostile.dp:3:"));
    EXPECT(pick(x, 1, g) == DPROG_OK && g[0] == 2.0 && g[1] == 1.0 && g[3] == 0.0);
    dprog_function_free(slope);

    slope = derivative("grad", "long", "x", NULL);
    deep_fn tape = (deep_fn)dprog_function_pointer(slope);
    double value;
    EXPECT(tape(0.5, 100000000, &value) == DPROG_TRAP_MEMORY && tape(0.5, 3, &value) == DPROG_OK);
    dprog_function_free(slope);
}

static void *stop(void *unused) {
    (void)unused;
    usleep(20000);
    EXPECT(dprog_cancel_set(token) == DPROG_OK);
    return NULL;
}

static void cancelled(void) {
    dprog_function *function = lookup("spin", "int32_t (double, double *)");
    spin_fn spin = (spin_fn)dprog_function_pointer(function);
    double value;
    pthread_t other;
    EXPECT(pthread_create(&other, NULL, stop, NULL) == 0);
    EXPECT(spin(1.0, &value) == DPROG_TRAP_CANCELLED && strstr(dprog_last_error(), "trap: cancelled\n  --> hostile.dp:5:"));
    pthread_join(other, NULL);
    EXPECT(dprog_cancel_reset(token) == DPROG_OK && spin(0.0, &value) == DPROG_OK && value == 0.0);
    EXPECT(dprog_cancel_set(NULL) == DPROG_ERROR_ARGUMENT);
    dprog_function_free(function);
}

static int32_t cube(void *data, size_t n, const double *args, double *result) {
    *(int *)data += 1;
    *result = args[0] * args[0] * args[0];
    return n == 1 && args[0] >= 0.0 ? 0 : 7;
}

static int32_t cube_vjp(void *data, size_t n, const double *args, double result, double adjoint, double *adjoints) {
    (void)data;
    (void)n;
    (void)result;
    adjoints[0] = 3.0 * args[0] * args[0] * adjoint;
    return 0;
}

static void hosts(void) {
    dprog_compiler *own = dprog_compiler_new();
    dprog_module *program = NULL;
    dprog_function *function = NULL;
    int calls = 0;
    double value = 0.0, slope = 0.0;
    EXPECT(dprog_compiler_add_host(own, "cube", "fn(x: f64) -> f64", NULL, NULL, NULL) == DPROG_ERROR_ARGUMENT);
    EXPECT(dprog_compiler_add_host(own, NULL, "fn(x: f64) -> f64", cube, NULL, NULL) == DPROG_ERROR_ARGUMENT);
    EXPECT(dprog_compiler_add_host(own, "cube", "fn(x: f64) -> f64", cube, cube_vjp, &calls) == DPROG_OK);
    EXPECT(dprog_compiler_add_host(own, "plain", "fn(x: f64) -> f64", cube, NULL, &calls) == DPROG_OK);
    EXPECT(dprog_compile(own, "host.dp", "fn f(x: f64) -> f64 { 2.0 * cube(x) }\nfn g(x: f64) -> f64 { plain(x) }", &program) == DPROG_OK);
    EXPECT(dprog_derivative(program, "value_and_grad", "f", NULL, "int32_t (double, double *, double *)", &function) == DPROG_OK);
    int32_t (*f)(double, double *, double *) = (int32_t (*)(double, double *, double *))dprog_function_pointer(function);
    EXPECT(f(2.0, &value, &slope) == DPROG_OK && value == 16.0 && slope == 24.0 && calls > 0);
    EXPECT(f(-1.0, &value, &slope) == DPROG_TRAP_HOST && strstr(dprog_last_error(), "host function `cube`: it returned 7"));
    EXPECT(f(1.0, &value, &slope) == DPROG_OK && value == 2.0 && slope == 6.0);
    dprog_function_free(function);
    function = NULL;
    EXPECT(dprog_derivative(program, "grad", "g", NULL, NULL, &function) == DPROG_ERROR_COMPILE && function == NULL);
    dprog_module_free(program);
    dprog_compiler_free(own);
}

/* x -> (x[0]², x[0] x[1], …) and the sum of them. */
static int32_t products(void *data, size_t n, const double *args, dprog_results *results) {
    (void)data;
    EXPECT(dprog_give(NULL, 1, args) == DPROG_ERROR_ARGUMENT && dprog_give(results, 1, NULL) == DPROG_ERROR_ARGUMENT);
    for (size_t i = 0; i < n; i++) {
        double product = args[0] * args[i];
        EXPECT(dprog_give(results, 1, &product) == DPROG_OK);
    }
    return args[0] > 0.0 ? 0 : 9;
}

static int32_t products_vjp(void *data, size_t n, const double *args, size_t m, const double *results, const double *along,
                            double *out) {
    (void)data;
    EXPECT(m == n && results[0] == args[0] * args[0]);
    out[0] = 0.0;
    for (size_t i = 0; i < n; i++) out[0] += along[i] * args[i];
    for (size_t i = 1; i < n; i++) out[i] = along[i] * args[0];
    out[0] += along[0] * args[0];
    return 0;
}

static void host_rows(void) {
    const char *head = "fn<n>(x: [f64; n]) -> [f64; n]";
    dprog_compiler *own = dprog_compiler_new();
    dprog_module *program = NULL;
    dprog_function *function = NULL;
    double x[3] = {2.0, 3.0, 5.0}, value = 0.0, g[3] = {0.0, 0.0, 0.0};
    EXPECT(dprog_compiler_add_host_rows(own, "products", head, NULL, products_vjp, NULL, NULL) == DPROG_ERROR_ARGUMENT);
    EXPECT(dprog_compiler_add_host_rows(own, "products", head, products, products_vjp, NULL, NULL) == DPROG_OK);
    EXPECT(dprog_compile(own, "rows.dp", "fn f<n>(x: [f64; n]) -> f64 { let y = products(x); sum(y) }", &program) == DPROG_OK);
    EXPECT(dprog_derivative(program, "value_and_grad", "f", NULL, NULL, &function) == DPROG_OK);
    grad_fn f = (grad_fn)dprog_function_pointer(function);
    EXPECT(f(3, x, &value, g) == DPROG_OK && value == 20.0 && g[0] == 12.0 && g[1] == 2.0 && g[2] == 2.0);
    x[0] = -1.0;
    EXPECT(f(3, x, &value, g) == DPROG_TRAP_HOST && strstr(dprog_last_error(), "`products`: it returned 9"));
    x[0] = 2.0;
    EXPECT(f(2, x, &value, g) == DPROG_OK && value == 10.0);
    dprog_function_free(function);
    dprog_module_free(program);
    dprog_compiler_free(own);
}

static void handles(void) {
    const char *text =
        "fn positives<n>(x: [f64; n]) -> [f64; some k] { var xs = List<f64>::new(); for v in x { if v > 0.0 { xs.push(v); } }\n"
        "    let k = xs.len(); xs as [f64; k] }\n"
        "fn twice(xs: List<f64>) -> (List<f64>, str) { var ys = xs; for x in xs { ys.push(x); } (ys, \"{ys.len()} numbers\") }\n"
        "enum Shape { Circle(f64), Empty }\n"
        "fn area(s: Shape) -> f64 { match s { Circle(r) => r, Empty => 0.0 } }\n"
        "fn longer(xs: inout List<f64>) { xs.push(1.0); }\n";
    dprog_module *program = NULL;
    dprog_function *some = NULL, *list = NULL, *none = NULL;
    dprog_list_f64 found = {NULL, 0}, doubled = {NULL, 0};
    dprog_text said = {NULL, 0};
    double x[4] = {1.0, -2.0, 3.0, -4.0};
    EXPECT(dprog_compile(compiler, "handles.dp", text, &program) == DPROG_OK);
    EXPECT(dprog_lookup(program, "positives", "int32_t (int64_t, const double *, dprog_list_f64 *)", &some) == DPROG_OK);
    int32_t (*positives)(int64_t, const double *, dprog_list_f64 *) =
        (int32_t (*)(int64_t, const double *, dprog_list_f64 *))dprog_function_pointer(some);
    EXPECT(positives(4, x, NULL) == DPROG_ERROR_ARGUMENT && positives(4, NULL, &found) == DPROG_ERROR_ARGUMENT);
    EXPECT(positives(4, x, &found) == DPROG_OK && found.len == 2 && found.data[0] == 1.0 && found.data[1] == 3.0);
    dprog_free(found.data);
    EXPECT(positives(0, x, &found) == DPROG_OK && found.len == 0);
    dprog_free(found.data);
    dprog_free(NULL);
    EXPECT(dprog_lookup(program, "twice", "int32_t (const double *xs, int64_t n, dprog_list_f64 *, dprog_text *)", &list) == DPROG_OK);
    int32_t (*twice)(const double *, int64_t, dprog_list_f64 *, dprog_text *) =
        (int32_t (*)(const double *, int64_t, dprog_list_f64 *, dprog_text *))dprog_function_pointer(list);
    EXPECT(twice(x, -1, &doubled, &said) == DPROG_ERROR_ARGUMENT && twice(x, INT64_MAX, &doubled, &said) == DPROG_ERROR_ARGUMENT);
    EXPECT(twice(x, 4, &doubled, &said) == DPROG_OK && doubled.len == 8 && doubled.data[7] == -4.0);
    EXPECT(said.len == 9 && strcmp(said.data, "8 numbers") == 0);
    dprog_free(doubled.data);
    dprog_free(said.data);
    EXPECT(dprog_lookup(program, "area", NULL, &none) == DPROG_ERROR_TYPE);
    EXPECT(strstr(dprog_last_error(), "an enum that carries values"));
    EXPECT(dprog_lookup(program, "longer", NULL, &none) == DPROG_ERROR_TYPE && none == NULL);
    dprog_function_free(some);
    dprog_function_free(list);
    dprog_module_free(program);
}

int main(void) {
    pthread_attr_t small;
    pthread_t thread;
    token = dprog_cancel_new();
    compiler = dprog_compiler_new();
    EXPECT(dprog_compiler_set_max_memory(compiler, 256 << 20) == DPROG_OK);
    EXPECT(dprog_compiler_set_cancel(compiler, token) == DPROG_OK);
    EXPECT(dprog_compiler_set_opt_level(compiler, 7) == DPROG_ERROR_ARGUMENT);
    EXPECT(dprog_compile(compiler, "hostile.dp", SOURCE, &module) == DPROG_OK);
    compiling();
    arguments();
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 << 10);
    EXPECT(pthread_create(&thread, &small, deep, NULL) == 0);
    pthread_join(thread, NULL);
    overlaps();
    traps();
    cancelled();
    hosts();
    host_rows();
    handles();
    dprog_module_free(module);
    dprog_compiler_free(compiler);
    dprog_cancel_free(token);
    puts("ok");
    return 0;
}
