#include "workspace.h"
#include <stdlib.h>
#include "ok.h"

/* A workspace of exactly the size that is said to be enough, from which the sanitizer sees any step outside. */
static void *room;
static int64_t bytes;

static void make_room(int64_t wanted) {
    free(room);
    bytes = wanted;
    room = malloc((size_t)wanted);
    if (wanted <= 0 || room == NULL) exit(9);
}

int main(void) {
    const double u[4] = {0.5, -0.25, 1.0, 0.75}, x[8] = {1, 0, 2, 0, 3, 0, 4, 0};
    double v, g[4], y[8], a[2] = {1, 2}, b[3] = {3, 4, 5}, t[6];
    make_room(cost_grad_workspace(4));
    for (int i = 0; i < 1000; i++) OK(cost_grad_in(room, bytes, 4, u, 1.5, &v, g));
    printf("%.17g %.17g %.17g %.17g %.17g\n", v, g[0], g[1], g[2], g[3]);
    if (cost_grad_in(room, 8, 4, u, 1.5, &v, g) != DPROG_WORKSPACE) return 2;
    if (cost_grad_in(NULL, 0, 4, u, 1.5, &v, g) == DPROG_OK) return 3;
    OK(cost_grad_in(room, bytes, 4, u, 1.5, &v, g));
    make_room(diffuse_workspace(8, 5));
    OK(diffuse_in(room, bytes, 8, x, 5, y));
    printf("%.17g %.17g %.17g\n", y[0], y[3], y[4]);
    make_room(diffuse_grad_workspace(5));
    OK(diffuse_grad_in(room, bytes, x, 5, y));
    printf("%.17g %.17g %.17g\n", y[0], y[3], y[4]);
    make_room(table_workspace(2, 3));
    OK(table_in(room, bytes, 2, 3, a, b, t));
    printf("%.17g\n", t[5]);
    if (table_workspace(INT64_C(1) << 40, INT64_C(1) << 40) != -1) return 4;
    if (halvings_workspace() != -1) return 5;
    dprog_list_f64 l;
    make_room(4096);
    OK(halvings_in(room, bytes, 100.0, &l));
    if (l.len != 7) return 6;
    halvings_free(&l);
    free(room);
    return 0;
}
