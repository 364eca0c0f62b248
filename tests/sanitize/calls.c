/* Four threads call exported functions, with good and with bad arguments, and check every answer against the first one.
 * See run.sh. */
#include "calls.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 5, KINDS = 9 };

static long rounds;
static double expected[KINDS][N + 1];
static int32_t expected_status[KINDS];

/* One call; what it gave is left in `out`. */
static int32_t call(int kind, double *out) {
    double x[N] = {0.5, -1.25, 2.0, 0.75, -0.5};
    double a[4] = {1, 2, 3, 4}, rotation[4] = {0, 1, -1, 0};
    switch (kind) {
    case 0: return slope(0.75, &out[0]);
    case 1: return walk_gradient(N, x, 20, 1, &out[0], &out[1]);
    case 2: return walk_gradient(N, x, 20, 7, &out[0], &out[1]);
    case 3: return corner_gradient(2, a, &out[0], &out[1]);
    case 4: return corner_gradient(2, rotation, &out[0], &out[1]);
    case 5: return forest(4, 0.25, &out[0]);
    case 6: return walk(N, NULL, 1, 0, &out[0]);
    case 7: return walk(-1, x, 1, 0, &out[0]);
    default: return forest(-1, 0.25, &out[0]); /* recursion without end */
    }
}

static const char *message(int kind) {
    switch (kind) {
    case 2: return "trap: index 7 is out of bounds for size 5";
    case 4: return "trap: a corner of -1.0";
    case 8: return "trap: recursion deeper than 1000 calls";
    default: return "";
    }
}

static void *work(void *failures) {
    for (long i = 0; i < rounds; i++) {
        /* The deep one is slow. */
        int kind = i % 1000 == 999 ? KINDS - 1 : (int)(i % (KINDS - 1));
        double out[N + 1] = {0};
        int32_t status = call(kind, out);
        int wrong = status != expected_status[kind] || (status == 0 && memcmp(out, expected[kind], sizeof out) != 0);
        if (status != 0 && strncmp(dprog_last_error(), message(kind), strlen(message(kind))) != 0) wrong = 1;
        if (wrong) {
            fprintf(stderr, "call %ld of kind %d: status %d, %s\n", i, kind, status, dprog_last_error());
            ++*(long *)failures;
            return NULL;
        }
    }
    return NULL;
}

int main(int argc, char **argv) {
    rounds = argc > 1 ? atol(argv[1]) : 250000;
    for (int kind = 0; kind < KINDS; kind++) {
        expected_status[kind] = call(kind, expected[kind]);
        int fails = kind == 2 || kind == 4 || kind >= 6;
        if ((expected_status[kind] != 0) != fails) {
            fprintf(stderr, "kind %d: status %d, %s\n", kind, expected_status[kind], dprog_last_error());
            return 1;
        }
    }
    pthread_t threads[4];
    long failures[4] = {0}, all = 0;
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, work, &failures[i]);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        all += failures[i];
    }
    printf("4 threads, %ld calls each, %ld failures\n", rounds, all);
    return all != 0;
}
