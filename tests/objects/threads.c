#include "threads.h"
#include <pthread.h>
#include "ok.h"

enum { CALLS = 20000 };

static void *work(void *number) {
    const double seed = (double)*(const int *)number;
    for (int i = 0; i < CALLS; i++) {
        const double x[3] = {seed, 2.0, (double)(i % 7)};
        double v, g[3], a[4] = {seed, 1, 2, 3}, ga[4];
        OK(rosenbrock_grad(3, x, &v, g));
        const double want = -400.0 * seed * (2.0 - seed * seed) - 2.0 * (1.0 - seed);
        if (g[0] - want > 1e-9 || want - g[0] > 1e-9) return "a gradient is wrong";
        if (rosenbrock_grad(-1, x, &v, g) != DPROG_NEGATIVE_SIZE) return "no error";
        if (i % 100 == 0) {
            int64_t n;
            OK(gram_grad(2, a, ga));
            if (ga[0] != 2 * seed + 3) return "a gradient of a matrix product is wrong";
            OK(deep(1000, &n));
            if (n != 1000) return "a recursion is wrong";
        }
    }
    int64_t n;
    OK(deep(100000, &n));
    if (deep(INT64_C(1) << 40, &n) != DPROG_DEPTH) return "no end of a recursion";
    OK(deep(5, &n));
    return n == 5 ? NULL : "the call after is wrong";
}

int main(void) {
    pthread_t threads[4];
    int numbers[4];
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 * 1024);
    for (int i = 0; i < 4; i++) {
        numbers[i] = i + 1;
        if (pthread_create(&threads[i], &small, work, &numbers[i]) != 0) return 1;
    }
    for (int i = 0; i < 4; i++) {
        void *problem;
        pthread_join(threads[i], &problem);
        if (problem != NULL) {
            printf("%s\n", (const char *)problem);
            return 1;
        }
    }
    printf("ok\n");
    return 0;
}
