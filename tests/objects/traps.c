#include "traps.h"
#include <stddef.h>
#include <string.h>
#include "ok.h"

/* The call fails with this status and words, and a call that is right succeeds afterwards. */
#define FAILS(call, status, words) \
    do { \
        int status_ = (call); \
        if (status_ != (status) || strstr(dprog_last_error(), words) == NULL) { \
            printf("%s: status %d: %s\n", #call, status_, dprog_last_error()); \
            return 1; \
        } \
        OK(pick(4, x, 2, &v)); \
        if (v != 12.0) { \
            printf("after %s: %g\n", #call, v); \
            return 1; \
        } \
    } while (0)

int main(void) {
    const double x[4] = {1, 2, 3, 4};
    double v, g[4];
    int64_t n;
    if (*dprog_last_error() != 0) return 2;
    FAILS(pick(4, x, 7, &v), DPROG_BOUNDS, "trap: index 7 is out of bounds for size 4\n  --> traps.dp:10:5 in inner\n  called from traps.dp:6:5 in pick");
    FAILS(pick(4, x, -1, &v), DPROG_BOUNDS, "index -1 is out of bounds");
    FAILS(pick(4, x, 3, &v), DPROG_MESSAGE, "trap: three is bad\n  --> traps.dp:9:");
    FAILS(pick_grad(4, x, 9, g), DPROG_BOUNDS, "in inner\n  called from traps.dp:6");
    FAILS(divide(1, 0, &n), DPROG_DIVISION, "integer division by zero\n  --> traps.dp:13:");
    FAILS(sized(3, &v), DPROG_NEGATIVE_SIZE, "size -2 is negative\n  --> traps.dp:14:");
    FAILS(huge(INT64_C(1) << 40, &v), DPROG_MEMORY, "more memory");
    FAILS(huge(INT64_C(1) << 62, &v), DPROG_MEMORY, "more memory");
    FAILS(pick(-1, x, 0, &v), DPROG_NEGATIVE_SIZE, "pick: `n` is negative");
    FAILS(pick(4, NULL, 0, &v), DPROG_NULL_POINTER, "pick: `x` is a null pointer");
    FAILS(pick(4, x, 0, NULL), DPROG_NULL_POINTER, "pick: `result` is a null pointer");
    FAILS(shrunk(4, x, 7, x, &v), DPROG_NEGATIVE_SIZE, "negative");
    OK(divide(INT64_MIN, -1, &n));
    for (int i = 0; i < 100000; i++) {
        if (pick(4, x, i % 5, &v) != (i % 5 == 3 ? DPROG_MESSAGE : i % 5 == 4 ? DPROG_BOUNDS : 0)) return 3;
    }
    printf("ok\n");
    return 0;
}
