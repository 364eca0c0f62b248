#include "special.h"
#include <stdio.h>
#include "ok.h"

static char workspace[1 << 16];

int main(void) {
    const double points[16] = {0.1, 0.3, 0.8, 0.95, 1.0, 1.4616, 1.5, 1.9, 2.0, 3.7, 7.99, 12.5, 300.0, -0.5, -3.3, -20.25};
    double v, g, h, all[16];
    for (int i = 0; i < 16; i++) {
        OK(gamma_log(points[i], &v));
        OK(gamma_log_grad(points[i], &g));
        OK(gamma_log_second(points[i], &h));
        printf("%.17g %.17g %.17g\n", v, g, h);
    }
    OK(gammas(16, points, &v));
    printf("%.17g\n", v);
    OK(gammas_grad(16, points, all));
    for (int i = 0; i < 16; i++) printf("%.17g\n", all[i]);
    for (int i = 0; i < 16; i++) {
        float f;
        OK(narrow((float)points[i], &f));
        printf("%.17g\n", (double)f);
    }
    for (int x = -3; x < 4; x++) {
        for (int y = -3; y < 6; y++) {
            int64_t p;
            int32_t q;
            uint8_t r;
            OK(powers(x, y, x, y, (uint8_t)x, (uint8_t)y, &p, &q, &r));
            printf("%d %d %d\n", (int)p, (int)q, (int)r);
        }
    }
    /* In a workspace one object follows the other: a list that grows too little would run over the next. */
    for (int n = 0; n < 5; n++) {
        double s, t, s_in, t_in;
        int64_t i, j, i_in, j_in;
        OK(rows(n * n, &s, &t, &i, &j));
        OK(rows_in(workspace, sizeof workspace, n * n, &s_in, &t_in, &i_in, &j_in));
        if (s != s_in || t != t_in || i != i_in || j != j_in) printf("another answer in a workspace\n");
        printf("%.17g %.17g %d %d\n", s, t, (int)i, (int)j);
    }
    return 0;
}
