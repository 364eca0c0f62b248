#include "values.h"
#include "ok.h"

int main(void) {
    float a;
    uint8_t b;
    bool c;
    int32_t d;
    int64_t e;
    OK(scalars(1.5f, 255, true, 7, -9, &a, &b, &c, &d, &e));
    printf("%.17g %d %d %d %d\n", (double)a, b, c, d, (int)e);
    Point p = {1, 2, 3}, q = {4, 5, 6}, m;
    Point_tangent gp, gq;
    double u, v;
    OK(far(&p, &q, &u));
    OK(far_grad(&p, &q, &v, &gp, &gq));
    printf("%.17g %.17g %.17g %.17g %.17g %.17g\n", u, v, gp.x, gp.y, gq.x, gq.y);
    Circle one = {p, 2.5f, true}, two;
    OK(moved(&one, 0.5, -0.5, &two));
    printf("%.17g %.17g %d %.17g %d\n", two.center.x, two.center.y, two.center.k, (double)two.radius, two.filled);
    OK(grow(&two, 3.0f, &v));
    printf("%.17g %.17g\n", v, (double)two.radius);
    Point points[2] = {p, q}, mirror[2];
    OK(centroid(2, points, &m));
    printf("%.17g %.17g %d\n", m.x, m.y, m.k);
    OK(mirrored(2, points, mirror));
    printf("%.17g %.17g %d\n", mirror[0].x, mirror[1].y, mirror[1].k);
    double w[2] = {0.3, 0.7}, wg[2];
    Net n = {w, 2.0, p};
    Net_tangent g;
    g.w = wg;
    OK(net_grad(&n, 1.5, &v, &g));
    printf("%.17g %.17g %.17g %.17g %.17g\n", v, wg[0], wg[1], g.b, g.at.x);
    int64_t color;
    OK(next(Color_Green, &color));
    printf("%d\n", (int)color);
    double x[5] = {1, -2, 3, -4, 5};
    dprog_list_f64 some;
    OK(positives(5, x, &some));
    printf("%d %.17g %.17g %.17g\n", (int)some.len, some.data[0], some.data[1], some.data[2]);
    positives_free(&some);
    positives_free(&some);
    dprog_list_i64 prime;
    OK(primes(20, &prime));
    for (int i = 0; i < prime.len; i++) printf("%d ", (int)prime.data[i]);
    printf("\n");
    primes_free(&prime);
    double xs[3] = {1.0, -2.0, 3.5};
    OK(total(xs, 3, &u));
    OK(nothing(&v));
    printf("%.17g %.17g\n", u, v);
    return 0;
}
