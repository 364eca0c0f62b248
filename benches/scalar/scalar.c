/* Gradients of three scalar programs with adjoints written by hand, to compare with scalar.dp.
   cc -O3 -march=native scalar.c -lm -o scalar && ./scalar */
#define _POSIX_C_SOURCE 199309L
#include <math.h>
#include <stdio.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

/* Square root by Newton's method; every iterate is kept. */
static double newton_grad(double a) {
    double xs[100];
    int k = 0;
    double x = a > 1.0 ? a : 1.0;
    while (fabs(x * x - a) > 1e-12 * a) {
        xs[k++] = x;
        x = 0.5 * (x + a / x);
    }
    double x_adj = 1.0, a_adj = 0.0;
    while (k > 0) {
        double xk = xs[--k], c = 0.5 * x_adj;
        a_adj += c / xk;
        x_adj = c - c * a / (xk * xk);
    }
    return a_adj + (a > 1.0 ? x_adj : 0.0);
}

/* Van der Pol's oscillator by the classical Runge-Kutta method; the derivative of the final position by mu. */
static void rhs(double x, double v, double mu, double *dx, double *dv) {
    *dx = v;
    *dv = mu * (1.0 - x * x) * v - x;
}

static void rhs_adj(double x, double v, double mu, double dx_adj, double dv_adj, double *x_adj, double *v_adj, double *mu_adj) {
    *v_adj += dx_adj + dv_adj * mu * (1.0 - x * x);
    *mu_adj += dv_adj * (1.0 - x * x) * v;
    *x_adj += -dv_adj * mu * 2.0 * x * v - dv_adj;
}

enum { STEPS = 1000 };

static double rk4_grad(double mu) {
    static double xs[STEPS], vs[STEPS];
    double x = 1.0, v = 0.0, h = 0.01;
    for (int i = 0; i < STEPS; i++) {
        double a1, b1, a2, b2, a3, b3, a4, b4;
        xs[i] = x;
        vs[i] = v;
        rhs(x, v, mu, &a1, &b1);
        rhs(x + 0.5 * h * a1, v + 0.5 * h * b1, mu, &a2, &b2);
        rhs(x + 0.5 * h * a2, v + 0.5 * h * b2, mu, &a3, &b3);
        rhs(x + h * a3, v + h * b3, mu, &a4, &b4);
        x += h / 6.0 * (a1 + 2.0 * a2 + 2.0 * a3 + a4);
        v += h / 6.0 * (b1 + 2.0 * b2 + 2.0 * b3 + b4);
    }
    double xb = 1.0, vb = 0.0, mub = 0.0;
    for (int i = STEPS - 1; i >= 0; i--) {
        double a1, b1, a2, b2, a3, b3;
        x = xs[i];
        v = vs[i];
        rhs(x, v, mu, &a1, &b1);
        double x2 = x + 0.5 * h * a1, v2 = v + 0.5 * h * b1;
        rhs(x2, v2, mu, &a2, &b2);
        double x3 = x + 0.5 * h * a2, v3 = v + 0.5 * h * b2;
        rhs(x3, v3, mu, &a3, &b3);
        double x4 = x + h * a3, v4 = v + h * b3;
        double w = h / 6.0;
        double a1b = w * xb, b1b = w * vb, a2b = 2 * w * xb, b2b = 2 * w * vb, a3b = 2 * w * xb, b3b = 2 * w * vb, a4b = w * xb, b4b = w * vb;
        double x4b = 0, v4b = 0, x3b = 0, v3b = 0, x2b = 0, v2b = 0;
        rhs_adj(x4, v4, mu, a4b, b4b, &x4b, &v4b, &mub);
        xb += x4b;
        vb += v4b;
        a3b += h * x4b;
        b3b += h * v4b;
        rhs_adj(x3, v3, mu, a3b, b3b, &x3b, &v3b, &mub);
        xb += x3b;
        vb += v3b;
        a2b += 0.5 * h * x3b;
        b2b += 0.5 * h * v3b;
        rhs_adj(x2, v2, mu, a2b, b2b, &x2b, &v2b, &mub);
        xb += x2b;
        vb += v2b;
        a1b += 0.5 * h * x2b;
        b1b += 0.5 * h * v2b;
        rhs_adj(x, v, mu, a1b, b1b, &xb, &vb, &mub);
    }
    return mub;
}

/* A recursion 100 deep; the value of each call is kept. */
static double stack[128];

static double recur(double x, int n) {
    if (n == 0) return x;
    double r = recur(x, n - 1);
    stack[n] = r;
    return x * r + 1.0 / (1.0 + r * r);
}

static void recur_adj(double x, int n, double seed, double *x_adj) {
    if (n == 0) {
        *x_adj += seed;
        return;
    }
    double r = stack[n], q = 1.0 / (1.0 + r * r);
    *x_adj += seed * r;
    recur_adj(x, n - 1, seed * (x - 2.0 * r * q * q), x_adj);
}

static double recursion_grad(double x) {
    double x_adj = 0.0;
    recur(x, 100);
    recur_adj(x, 100, 1.0, &x_adj);
    return x_adj;
}

#define BENCH(name, f, count, from, step)                                          \
    do {                                                                           \
        double s = 0.0, best = 1e9;                                                \
        for (int r = 0; r < 50; r++) {                                             \
            double t = now();                                                      \
            s = 0.0;                                                               \
            for (int i = 0; i < count; i++) s += f(from + step * i);               \
            t = now() - t;                                                         \
            if (t < best) best = t;                                                \
        }                                                                          \
        printf("%s %.1f ns (checksum %.12g)\n", name, 1e9 * best / count, s);      \
    } while (0)

int main(void) {
    BENCH("newton", newton_grad, 10000, 2.0, 1e-4);
    BENCH("rk4", rk4_grad, 25, 0.5, 1e-3);
    BENCH("recursion", recursion_grad, 2500, 0.5, 1e-6);
    return 0;
}
