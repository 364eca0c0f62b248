/*
 * The dProg compiler inside a C program: text in, functions and their derivatives out, as C functions in memory.
 *
 *     dprog_compiler *compiler = dprog_compiler_new();
 *     dprog_module *module;
 *     dprog_function *function;
 *     if (dprog_compile(compiler, "square.dp", "fn square(x: f64) -> f64 { x * x }", &module) == DPROG_OK &&
 *         dprog_derivative(module, "grad", "square", NULL, "int32_t (double, double *)", &function) == DPROG_OK) {
 *         int32_t (*slope)(double, double *) = (int32_t (*)(double, double *))dprog_function_pointer(function);
 *         double result;
 *         if (slope(3.0, &result) == DPROG_OK) printf("%g\n", result);
 *     }
 *
 * Everything that can fail returns a status, 0 or one of the numbers below, and leaves a text for dprog_last_error().
 * A null pointer where something is needed is DPROG_ERROR_ARGUMENT. All functions may be called from any thread; one object
 * may be used by several threads at once, but freed by one, when the others are done. Freeing null does nothing.
 *
 * C99, C11, C++17.
 */
#ifndef DPROG_H
#define DPROG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What calls return. Numbers up to 63 are traps of the program: the next call is not affected. */
enum {
    DPROG_OK = 0,
    DPROG_TRAP_MESSAGE = 1,          /* assert failed, or trap was called */
    DPROG_TRAP_BOUNDS = 2,           /* an index out of bounds */
    DPROG_TRAP_DIVISION_BY_ZERO = 3, /* of integers */
    DPROG_TRAP_SHAPE = 4,            /* sizes that differ */
    DPROG_TRAP_NEGATIVE_SIZE = 5,
    DPROG_TRAP_EMPTY_POP = 6,
    DPROG_TRAP_EMPTY_REDUCE = 7,
    DPROG_TRAP_ZERO_STEP = 8,
    DPROG_TRAP_ALIASED = 9,
    DPROG_TRAP_DEPTH = 10,     /* recursion deeper than allowed */
    DPROG_TRAP_MEMORY = 11,    /* more memory than allowed */
    DPROG_TRAP_SLICE_BOUNDS = 12,
    DPROG_TRAP_TANGENT_MISMATCH = 13,
    DPROG_TRAP_CANCELLED = 14, /* stopped by a token */
    DPROG_TRAP_TIME = 15,      /* longer than allowed */
    DPROG_TRAP_HOST = 16,      /* a host function failed */
    DPROG_ERROR_ARGUMENT = 64, /* a null pointer, a negative size, an unknown name of an operator */
    DPROG_ERROR_COMPILE = 65,  /* the program has errors: see dprog_diagnostic_count */
    DPROG_ERROR_NOT_FOUND = 66, /* there is no such function */
    DPROG_ERROR_TYPE = 67,     /* the function has another C type */
    DPROG_ERROR_FILE = 68,     /* a file cannot be read */
    DPROG_ERROR_INTERNAL = 101, /* a defect of the compiler */
    DPROG_EXITED = 127         /* the program asked to end */
};

typedef struct dprog_compiler dprog_compiler;
typedef struct dprog_module dprog_module;
typedef struct dprog_function dprog_function;
typedef struct dprog_cancel dprog_cancel;

/* Any function; convert it to its own type before the call. */
typedef void (*dprog_any_function)(void);

/* The text of this thread's last error, for people; "" if there was none. Good until the next call of this library or of a
   compiled function from the same thread. */
const char *dprog_last_error(void);

/* ---- diagnostics: what was wrong with the last program that this thread compiled ---- */

typedef struct dprog_diagnostic {
    const char *code;       /* "E0101" */
    const char *message;    /* what is wrong, in one line */
    const char *file;       /* the name that the file was compiled under */
    uint32_t line;          /* the place: from 1, columns in characters */
    uint32_t column;
    uint32_t end_line;      /* behind its last character */
    uint32_t end_column;
    const char *label;      /* about the place; may be "" */
    const char *help;       /* what to do about it; may be "" */
    const char *rendered;   /* all of it, drawn for people */
    bool is_error;          /* else a warning */
} dprog_diagnostic;

/* How many there are; they stay until the thread compiles again. */
size_t dprog_diagnostic_count(void);
int32_t dprog_diagnostic_get(size_t index, dprog_diagnostic *diagnostic);

/* ---- compiling ---- */

dprog_compiler *dprog_compiler_new(void);
void dprog_compiler_free(dprog_compiler *compiler);

/* 0, 1 or 2. The results are the same to the bit. */
int32_t dprog_compiler_set_opt_level(dprog_compiler *compiler, int32_t level);
/* Limits of each call. */
int32_t dprog_compiler_set_max_memory(dprog_compiler *compiler, uint64_t bytes);
int32_t dprog_compiler_set_max_depth(dprog_compiler *compiler, uint32_t calls);
int32_t dprog_compiler_set_max_time(dprog_compiler *compiler, uint64_t milliseconds);
/* Calls are stopped by this token, which may be freed. */
int32_t dprog_compiler_set_cancel(dprog_compiler *compiler, const dprog_cancel *token);
/* A module that programs may import: `use a::b::name;` finds "a/b.dp". */
int32_t dprog_compiler_add_source(dprog_compiler *compiler, const char *name, const char *text);
/* A folder whose files programs may import. */
int32_t dprog_compiler_add_include(dprog_compiler *compiler, const char *folder);

/*
 * A function of this program that dProg code calls by its name. `head` is its type with names of parameters, such as
 * "fn(x: f64) -> f64" or "fn<n>(x: [f64; n], y: f64) -> f64"; the arguments come in one row, the result goes to `result`. `vjp` gives
 * the adjoints of the arguments for one of the result; null: it is an error to differentiate through the function. Both return 0, or
 * anything else to make the call trap (DPROG_TRAP_HOST). They are called from whatever thread calls dProg code.
 */
typedef int32_t (*dprog_host_function)(void *data, size_t n, const double *args, double *result);
typedef int32_t (*dprog_host_vjp)(void *data, size_t n, const double *args, double result, double adjoint, double *adjoints);
int32_t dprog_compiler_add_host(dprog_compiler *compiler, const char *name, const char *head, dprog_host_function function,
                                dprog_host_vjp vjp, void *data);

/*
 * The same for heads with several results, such as "fn<n>(x: [f64; n]) -> [f64; n]" or "fn(x: f64, y: f64) -> (f64, f64)". The function
 * gives its results, one behind the other, with dprog_give, in one call or in several. Of the `n` arguments and `m` results, `vjp` makes
 * `n` adjoints of the arguments from `m` adjoints of the results, `jvp` makes `m` tangents of the results from `n` tangents of the
 * arguments; one of them is enough for both modes, the other may be null.
 */
typedef struct dprog_results dprog_results;
typedef int32_t (*dprog_host_rows)(void *data, size_t n, const double *args, dprog_results *results);
typedef int32_t (*dprog_host_derivative)(void *data, size_t n, const double *args, size_t m, const double *results,
                                         const double *along, double *out);
int32_t dprog_give(dprog_results *results, size_t n, const double *values);
int32_t dprog_compiler_add_host_rows(dprog_compiler *compiler, const char *name, const char *head, dprog_host_rows function,
                                     dprog_host_derivative vjp, dprog_host_derivative jvp, void *data);

/* Checks a program; its functions become machine code when they are asked for. */
int32_t dprog_compile(const dprog_compiler *compiler, const char *name, const char *text, dprog_module **module);
int32_t dprog_compile_file(const dprog_compiler *compiler, const char *path, dprog_module **module);
void dprog_module_free(dprog_module *module);

/* The heads of the functions of a module, as dProg writes them; null beyond the last. */
size_t dprog_module_function_count(const dprog_module *module);
const char *dprog_module_function_head(const dprog_module *module, size_t index);

/* ---- functions ---- */

/* Results whose size is known only when the function has run; `data` is to be given to dprog_free. Headers of objects have the
   same types. An array of more axes or of other numbers is a struct alike: a pointer, and a size for each axis. */
#ifndef DPROG_LIST_F64_DEFINED
#define DPROG_LIST_F64_DEFINED
typedef struct dprog_list_f64 {
    double *data;
    int64_t len;
} dprog_list_f64;
#endif
#ifndef DPROG_LIST_F32_DEFINED
#define DPROG_LIST_F32_DEFINED
typedef struct dprog_list_f32 {
    float *data;
    int64_t len;
} dprog_list_f32;
#endif
#ifndef DPROG_LIST_I64_DEFINED
#define DPROG_LIST_I64_DEFINED
typedef struct dprog_list_i64 {
    int64_t *data;
    int64_t len;
} dprog_list_i64;
#endif
#ifndef DPROG_LIST_I32_DEFINED
#define DPROG_LIST_I32_DEFINED
typedef struct dprog_list_i32 {
    int32_t *data;
    int64_t len;
} dprog_list_i32;
#endif
#ifndef DPROG_LIST_U8_DEFINED
#define DPROG_LIST_U8_DEFINED
typedef struct dprog_list_u8 {
    uint8_t *data;
    int64_t len;
} dprog_list_u8;
#endif
#ifndef DPROG_LIST_BOOL_DEFINED
#define DPROG_LIST_BOOL_DEFINED
typedef struct dprog_list_bool {
    bool *data;
    int64_t len;
} dprog_list_bool;
#endif
#ifndef DPROG_ARRAY2_F64_DEFINED
#define DPROG_ARRAY2_F64_DEFINED
typedef struct dprog_array2_f64 {
    double *data;
    int64_t shape[2];
} dprog_array2_f64;
#endif
#ifndef DPROG_ARRAY2_F32_DEFINED
#define DPROG_ARRAY2_F32_DEFINED
typedef struct dprog_array2_f32 {
    float *data;
    int64_t shape[2];
} dprog_array2_f32;
#endif
#ifndef DPROG_ARRAY2_I64_DEFINED
#define DPROG_ARRAY2_I64_DEFINED
typedef struct dprog_array2_i64 {
    int64_t *data;
    int64_t shape[2];
} dprog_array2_i64;
#endif
#ifndef DPROG_ARRAY3_F64_DEFINED
#define DPROG_ARRAY3_F64_DEFINED
typedef struct dprog_array3_f64 {
    double *data;
    int64_t shape[3];
} dprog_array3_f64;
#endif
#ifndef DPROG_ARRAY3_F32_DEFINED
#define DPROG_ARRAY3_F32_DEFINED
typedef struct dprog_array3_f32 {
    float *data;
    int64_t shape[3];
} dprog_array3_f32;
#endif
#ifndef DPROG_ARRAY3_I64_DEFINED
#define DPROG_ARRAY3_I64_DEFINED
typedef struct dprog_array3_i64 {
    int64_t *data;
    int64_t shape[3];
} dprog_array3_i64;
#endif
#ifndef DPROG_TEXT_DEFINED
#define DPROG_TEXT_DEFINED
typedef struct dprog_text {
    char *data; /* UTF-8, with a zero behind it */
    int64_t len;
} dprog_text;
#endif
/* Gives back what stands in `data`. */
void dprog_free(void *data);

/*
 * A function of a module as a C function of the type `c_type`, such as "int32_t (int64_t n, const double *x, double *result)";
 * names and spaces do not matter. If it has another type, the error shows both. Null: any type; ask dprog_function_c_type.
 *
 * The size parameters come first, each once. Then the parameters: numbers by value; arrays as pointers to their elements in
 * rows, `const` unless they are `inout`; a list as a pointer and its length, `int64_t xs_len`; `inout` numbers as pointers; of a struct
 * or tuple its parts, one by one. Then a pointer for each part of the result: to a number, to room for the elements, or, if nobody
 * knows how many there will be, to a struct such as `dprog_list_f64` that is filled in. The function returns a status. Enums that carry
 * values, functions and lists of lists have no C type: DPROG_ERROR_TYPE.
 */
int32_t dprog_lookup(const dprog_module *module, const char *name, const char *c_type, dprog_function **function);
/*
 * The same for a derivative. `op` is grad, value_and_grad, jvp, vjp, hvp, jacobian, hessian or hessian_diag; `wrt` names
 * parameters, with commas between; null: the first one. What the operator adds (tangents, a seed) stands behind the parameters.
 */
int32_t dprog_derivative(const dprog_module *module, const char *op, const char *name, const char *wrt, const char *c_type,
                         dprog_function **function);
/* What to call: good until the function is freed. It may be called from any number of threads at once. */
dprog_any_function dprog_function_pointer(const dprog_function *function);
const char *dprog_function_c_type(const dprog_function *function);
const char *dprog_function_head(const dprog_function *function);
/* The module may be freed first. */
void dprog_function_free(dprog_function *function);

/* ---- stopping ---- */

dprog_cancel *dprog_cancel_new(void);
/* From here on calls tied to the token return DPROG_TRAP_CANCELLED, those under way too. From any thread. */
int32_t dprog_cancel_set(const dprog_cancel *token);
/* Calls run again. */
int32_t dprog_cancel_reset(const dprog_cancel *token);
void dprog_cancel_free(dprog_cancel *token);

#ifdef __cplusplus
}
#endif

#endif
