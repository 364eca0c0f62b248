/* Swings a pendulum up and holds it there, by planning: in every step the controller improves a plan of the next torques by
 * gradient descent and applies the first of them. The gradient and the pendulum are functions of pendulum.dp and work in
 * memory that the controller gives them. A controller must not ask the system for memory; here every such request is counted, and after the
 * start there is none.
 */
#include "pendulum.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HORIZON = 50, STEPS = 300, ROUNDS = 20 };

/* ---- requests for memory; the linker leads them here (-Wl,--wrap) ---- */

static long requests;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *block, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
int __real_posix_memalign(void **block, size_t alignment, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *block, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
int __wrap_posix_memalign(void **block, size_t alignment, size_t bytes);

void *__wrap_malloc(size_t bytes) {
    requests++;
    return __real_malloc(bytes);
}
void *__wrap_calloc(size_t count, size_t bytes) {
    requests++;
    return __real_calloc(count, bytes);
}
void *__wrap_realloc(void *block, size_t bytes) {
    requests++;
    return __real_realloc(block, bytes);
}
void *__wrap_aligned_alloc(size_t alignment, size_t bytes) {
    requests++;
    return __real_aligned_alloc(alignment, bytes);
}
int __wrap_posix_memalign(void **block, size_t alignment, size_t bytes) {
    requests++;
    return __real_posix_memalign(block, alignment, bytes);
}

/* ---- the controller ---- */

static void check(int32_t status) {
    if (status != DPROG_OK) {
        fprintf(stderr, "%s\n", dprog_last_error());
        exit(3);
    }
}

/* Improves the plan by Adam, within what the motor can do. */
static void improve(const double *state, double *plan, void *workspace, int64_t bytes) {
    double gradient[HORIZON], first[HORIZON] = {0}, second[HORIZON] = {0}, value;
    for (int round = 1; round <= ROUNDS; round++) {
        check(cost_gradient_in(workspace, bytes, HORIZON, state, plan, &value, gradient));
        for (int t = 0; t < HORIZON; t++) {
            first[t] = 0.9 * first[t] + 0.1 * gradient[t];
            second[t] = 0.99 * second[t] + 0.01 * gradient[t] * gradient[t];
            double scale = sqrt(second[t] / (1 - pow(0.99, round))) + 1e-9;
            plan[t] -= 0.3 * first[t] / (1 - pow(0.9, round)) / scale;
            plan[t] = fmax(-6.0, fmin(6.0, plan[t]));
        }
    }
}

int main(void) {
    int64_t bytes = cost_gradient_workspace(HORIZON), others = advance_workspace();
    if (others > bytes) bytes = others;
    void *workspace = malloc((size_t)bytes);
    double state[2] = {0.0, 0.0}, plan[HORIZON];
    for (int t = 0; t < HORIZON; t++) plan[t] = 1.0;
    long before = requests;
    double lowest = 2.0;
    for (int step = 0; step < STEPS; step++) {
        improve(state, plan, workspace, bytes);
        check(advance_in(workspace, bytes, state, plan[0]));
        memmove(plan, plan + 1, (HORIZON - 1) * sizeof *plan);
        /* How far below the top, over the last second. */
        if (step == STEPS - 20) lowest = 0.0;
        lowest = fmax(lowest, 1.0 + cos(state[0]));
    }
    long made = requests - before;
    free(workspace);
    printf("workspace of %lld bytes, %ld requests for memory in %d steps\n", (long long)bytes, made, STEPS);
    printf("the pendulum is up: at most %.4f below the top in the last second\n", lowest);
    return made == 0 && before > 0 && lowest < 0.1 ? 0 : 1;
}
