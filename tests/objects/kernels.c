#include "kernels.h"
#include <math.h>
#include <stdio.h>
#include "ok.h"

int main(void) {
    const double x[3] = {1.0, 2.0, 0.5}, t[3] = {1.0, -1.0, 0.25};
    double v, g[3], u, h[9];
    OK(rosenbrock(3, x, &u));
    OK(rosenbrock_grad(3, x, &v, g));
    printf("%.17g %.17g %.17g %.17g %.17g\n", u, v, g[0], g[1], g[2]);
    OK(rosenbrock_hvp(3, x, t, g));
    printf("%.17g %.17g %.17g\n", g[0], g[1], g[2]);
    OK(rosenbrock_vjp(3, x, 0.5, &v, g));
    printf("%.17g %.17g %.17g %.17g\n", v, g[0], g[1], g[2]);
    OK(rosenbrock_jvp(3, x, t, &v, &u));
    printf("%.17g %.17g\n", v, u);
    OK(rosenbrock_hessian(x, h));
    for (int i = 0; i < 3; i++) printf("%.17g %.17g %.17g\n", h[3 * i], h[3 * i + 1], h[3 * i + 2]);
    const double a[6] = {1, 2, 3, 4, 5, 6};
    double p[2];
    OK(product(2, 3, a, x, p));
    printf("%.17g %.17g\n", p[0], p[1]);
    const double at[2] = {0.7, 0.3};
    OK(product_jacobian(at, h));
    for (int i = 0; i < 3; i++) printf("%.17g %.17g\n", h[2 * i], h[2 * i + 1]);
    double y[3] = {1, 1, 1};
    OK(axpy(3, 2.0, x, y));
    printf("%.17g %.17g %.17g\n", y[0], y[1], y[2]);
    /* sin of the program's own, so that the bits are those of main. */
    double big[37], r0, r1, r2;
    float small[21], f, fg[21];
    int64_t r3;
    for (int i = 0; i < 37; i++) { OK(sine(i, &v)); big[i] = v * 1e3; }
    for (int i = 0; i < 21; i++) { OK(sine(i, &v)); small[i] = (float)(v * 1e3); }
    OK(reductions(37, big, &r0, &r1, &r2, &r3));
    printf("%.17g %.17g %.17g %d\n", r0, r1, r2, (int)r3);
    OK(narrow(21, small, &f));
    printf("%.17g\n", (double)f);
    OK(narrow_grad(21, small, fg));
    printf("%.17g\n", (double)fg[20]);
    double q[2];
    OK(parts(3, 2, a, 2, q));
    printf("%.17g %.17g\n", q[0], q[1]);
    OK(parts_grad(a, h));
    for (int i = 0; i < 3; i++) printf("%.17g %.17g\n", h[2 * i], h[2 * i + 1]);
    const double ends[2] = {7, 8};
    double w[7];
    OK(window(3, x, 2, ends, w));
    for (int i = 0; i < 7; i++) printf("%.17g ", w[i]);
    printf("\n");
    OK(newton_sqrt(2.0, &u));
    OK(newton_sqrt_grad(2.0, &v, g));
    printf("%.17g %.17g %.17g\n", u, v, g[0]);
    return 0;
}
