/* The kernels of kernels.dp and scalar.dp in C, with adjoints by hand. Compiled when the benchmark runs: gcc -O3 -march=native -shared,
   and once more with -ffast-math. All have one type: sizes, inputs, outputs. */
#define main scalar_main
#include "../scalar/scalar.c"
#undef main
#include <stdint.h>
#include <stdlib.h>

#define KERNEL(name) void name(const int64_t *size, const double *const *in, double *const *out)
#define IN(i) (const double *restrict)in[i]
#define OUT(i) (double *restrict)out[i]

KERNEL(total) {
    const double *restrict x = IN(0);
    double s = 0.0;
    for (int64_t i = 0; i < size[0]; i++) s += x[i];
    out[0][0] = s;
}

KERNEL(inner) {
    const double *restrict x = IN(0), *restrict y = IN(1);
    double s = 0.0;
    for (int64_t i = 0; i < size[0]; i++) s += x[i] * y[i];
    out[0][0] = s;
}

KERNEL(squares) {
    const double *restrict x = IN(0);
    double s = 0.0;
    for (int64_t i = 0; i < size[0]; i++) s += x[i] * x[i];
    out[0][0] = s;
}

KERNEL(squares_gradient) {
    const double *restrict x = IN(0);
    double *restrict g = OUT(0);
    for (int64_t i = 0; i < size[0]; i++) g[i] = 2.0 * x[i];
}

KERNEL(chain) {
    const double *restrict x = IN(0);
    double *restrict out0 = OUT(0);
    for (int64_t i = 0; i < size[0]; i++) {
        double y = 2.0 * x[i] - 0.5, z = y * y + x[i];
        out0[i] = z / (1.0 + z * z);
    }
}

KERNEL(chain_gradient) {
    const double *restrict x = IN(0);
    double *restrict g = OUT(0);
    for (int64_t i = 0; i < size[0]; i++) {
        double y = 2.0 * x[i] - 0.5, z = y * y + x[i], q = 1.0 + z * z;
        double z_adj = (1.0 - z * z) / (q * q);
        g[i] = z_adj * (4.0 * y + 1.0);
    }
}

static void heat_step(int64_t n, const double *restrict u, double *restrict w) {
    w[0] = u[0];
    w[n - 1] = u[n - 1];
    for (int64_t i = 1; i < n - 1; i++) w[i] = u[i] + 0.25 * (u[i - 1] - 2.0 * u[i] + u[i + 1]);
}

/* The result is where the pointer that comes back points. */
static double *heat_run(int64_t n, int64_t steps, const double *start, double *a, double *b) {
    for (int64_t i = 0; i < n; i++) a[i] = start[i];
    for (int64_t t = 0; t < steps; t++) {
        heat_step(n, a, b);
        double *swap = a;
        a = b;
        b = swap;
    }
    return a;
}

KERNEL(heat) {
    int64_t n = size[0];
    double *work = malloc(2 * n * sizeof(double));
    double *u = heat_run(n, size[1], in[0], work, work + n);
    for (int64_t i = 0; i < n; i++) out[0][i] = u[i];
    free(work);
}

/* Linear, so nothing is kept. */
KERNEL(heat_gradient) {
    int64_t n = size[0];
    double *work = malloc(2 * n * sizeof(double));
    double *restrict u = heat_run(n, size[1], in[0], work, work + n);
    double *restrict w = u == work ? work + n : work;
    for (int64_t t = 0; t < size[1]; t++) {
        w[0] = u[0] + 0.25 * u[1];
        w[1] = 0.5 * u[1] + 0.25 * u[2];
        for (int64_t i = 2; i < n - 2; i++) w[i] = 0.5 * u[i] + 0.25 * (u[i - 1] + u[i + 1]);
        w[n - 2] = 0.5 * u[n - 2] + 0.25 * u[n - 3];
        w[n - 1] = u[n - 1] + 0.25 * u[n - 2];
        double *swap = u;
        u = w;
        w = swap;
    }
    for (int64_t i = 0; i < n; i++) out[0][i] = u[i];
    free(work);
}

KERNEL(filter) {
    const double *restrict x = IN(0);
    double y = 0.0, energy = 0.0, a = in[1][0];
    for (int64_t i = 0; i < size[0]; i++) {
        y = a * y + x[i];
        energy += y * y;
    }
    out[0][0] = energy;
}

KERNEL(filter_gradient) {
    const double *restrict x = IN(0);
    double *restrict g = OUT(0);
    int64_t n = size[0];
    double *tape = malloc(n * sizeof(double));
    double y = 0.0, a = in[1][0];
    for (int64_t i = 0; i < n; i++) tape[i] = y = a * y + x[i];
    double y_adj = 0.0, a_adj = 0.0;
    for (int64_t i = n - 1; i >= 0; i--) {
        y_adj += 2.0 * tape[i];
        g[i] = y_adj;
        if (i > 0) a_adj += y_adj * tape[i - 1];
        y_adj *= a;
    }
    out[1][0] = a_adj;
    free(tape);
}

KERNEL(walk) {
    const double *restrict x = IN(0);
    double at = 0.0;
    for (int64_t i = 0; i < size[0]; i++) {
        at += x[i];
        if (at > 1.0) at = 2.0 - at;
        if (at < -1.0) at = -2.0 - at;
    }
    out[0][0] = at;
}

KERNEL(walk_gradient) {
    const double *restrict x = IN(0);
    double *restrict g = OUT(0);
    int64_t n = size[0];
    unsigned char *tape = malloc(n);
    double at = 0.0;
    for (int64_t i = 0; i < n; i++) {
        unsigned char turned = 0;
        at += x[i];
        if (at > 1.0) at = 2.0 - at, turned = 1;
        if (at < -1.0) at = -2.0 - at, turned ^= 1;
        tape[i] = turned;
    }
    double at_adj = 1.0;
    for (int64_t i = n - 1; i >= 0; i--) {
        if (tape[i]) at_adj = -at_adj;
        g[i] = at_adj;
    }
    free(tape);
}

KERNEL(matvec) {
    const double *restrict a = IN(0), *restrict x = IN(1);
    double *restrict y = OUT(0);
    for (int64_t i = 0; i < size[0]; i++) {
        double s = 0.0;
        for (int64_t j = 0; j < size[1]; j++) s += a[i * size[1] + j] * x[j];
        y[i] = s;
    }
}

KERNEL(matvec_gradient) {
    const double *restrict a = IN(0), *restrict x = IN(1);
    double *restrict ga = OUT(0), *restrict gx = OUT(1);
    int64_t m = size[1];
    for (int64_t j = 0; j < m; j++) gx[j] = 0.0;
    for (int64_t i = 0; i < size[0]; i++) {
        double s = 0.0;
        for (int64_t j = 0; j < m; j++) s += a[i * m + j] * x[j];
        for (int64_t j = 0; j < m; j++) {
            ga[i * m + j] = s * x[j];
            gx[j] += s * a[i * m + j];
        }
    }
}

static void product(int64_t n, const double *restrict a, const double *restrict b, double *restrict c) {
    for (int64_t i = 0; i < n * n; i++) c[i] = 0.0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < n; k++)
            for (int64_t j = 0; j < n; j++) c[i * n + j] += a[i * n + k] * b[k * n + j];
}

KERNEL(matmul) { product(size[0], in[0], in[1], out[0]); }

KERNEL(product_by_loops) { product(size[0], in[0], in[1], out[0]); }

KERNEL(matmul_gradient) {
    int64_t n = size[0];
    const double *restrict a = IN(0), *restrict b = IN(1);
    double *restrict ga = OUT(0), *restrict gb = OUT(1), *restrict c = malloc(2 * n * n * sizeof(double));
    double *restrict bt = c + n * n;
    product(n, a, b, c);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) bt[j * n + i] = b[i * n + j];
    product(n, c, bt, ga);
    for (int64_t i = 0; i < n * n; i++) gb[i] = 0.0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < n; k++)
            for (int64_t j = 0; j < n; j++) gb[k * n + j] += a[i * n + k] * c[i * n + j];
    free(c);
}

KERNEL(exponentials) {
    const double *restrict x = IN(0);
    double *restrict y = OUT(0);
    for (int64_t i = 0; i < size[0]; i++) y[i] = exp(x[i]);
}

KERNEL(logistic) {
    const double *restrict x = IN(0);
    double s = 0.0;
    for (int64_t i = 0; i < size[0]; i++) s += log(1.0 + exp(x[i]));
    out[0][0] = s;
}

KERNEL(logistic_gradient) {
    const double *restrict x = IN(0);
    double *restrict g = OUT(0);
    for (int64_t i = 0; i < size[0]; i++) {
        double e = exp(x[i]);
        g[i] = e / (1.0 + e);
    }
}

enum { WIDEST = 64 };

KERNEL(network) {
    int64_t b = size[0], ni = size[1], nh = size[2], no = size[3];
    const double *restrict w1 = IN(0), *restrict w2 = IN(1), *restrict x = IN(2), *restrict target = IN(3);
    double loss = 0.0, hidden[WIDEST];
    for (int64_t s = 0; s < b; s++) {
        for (int64_t h = 0; h < nh; h++) {
            double sum = 0.0;
            for (int64_t i = 0; i < ni; i++) sum += w1[h * ni + i] * x[s * ni + i];
            hidden[h] = tanh(sum);
        }
        for (int64_t o = 0; o < no; o++) {
            double sum = 0.0;
            for (int64_t h = 0; h < nh; h++) sum += w2[o * nh + h] * hidden[h];
            double e = sum - target[s * no + o];
            loss += 0.5 * e * e;
        }
    }
    out[0][0] = loss / b;
}

KERNEL(network_gradient) {
    int64_t b = size[0], ni = size[1], nh = size[2], no = size[3];
    const double *restrict w1 = IN(0), *restrict w2 = IN(1), *restrict x = IN(2), *restrict target = IN(3);
    double *restrict g1 = OUT(0), *restrict g2 = OUT(1);
    double hidden[WIDEST], hidden_adj[WIDEST];
    for (int64_t i = 0; i < nh * ni; i++) g1[i] = 0.0;
    for (int64_t i = 0; i < no * nh; i++) g2[i] = 0.0;
    for (int64_t s = 0; s < b; s++) {
        for (int64_t h = 0; h < nh; h++) {
            double sum = 0.0;
            for (int64_t i = 0; i < ni; i++) sum += w1[h * ni + i] * x[s * ni + i];
            hidden[h] = tanh(sum);
            hidden_adj[h] = 0.0;
        }
        for (int64_t o = 0; o < no; o++) {
            double sum = 0.0;
            for (int64_t h = 0; h < nh; h++) sum += w2[o * nh + h] * hidden[h];
            double e = (sum - target[s * no + o]) / b;
            for (int64_t h = 0; h < nh; h++) {
                g2[o * nh + h] += e * hidden[h];
                hidden_adj[h] += e * w2[o * nh + h];
            }
        }
        for (int64_t h = 0; h < nh; h++) {
            double c = hidden_adj[h] * (1.0 - hidden[h] * hidden[h]);
            for (int64_t i = 0; i < ni; i++) g1[h * ni + i] += c * x[s * ni + i];
        }
    }
}

static void pull(int64_t n, const double *restrict x, double *restrict a) {
    for (int64_t i = 0; i < 3 * n; i++) a[i] = 0.0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++) {
            double d0 = x[3 * j] - x[3 * i], d1 = x[3 * j + 1] - x[3 * i + 1], d2 = x[3 * j + 2] - x[3 * i + 2];
            double r = d0 * d0 + d1 * d1 + d2 * d2 + 0.01, w = 1.0 / (r * sqrt(r));
            a[3 * i] += w * d0;
            a[3 * i + 1] += w * d1;
            a[3 * i + 2] += w * d2;
            a[3 * j] -= w * d0;
            a[3 * j + 1] -= w * d1;
            a[3 * j + 2] -= w * d2;
        }
}

/* x_adj += a_adj applied to the Jacobian of pull. */
static void pull_adj(int64_t n, const double *restrict x, const double *restrict a_adj, double *restrict x_adj) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++) {
            double d0 = x[3 * j] - x[3 * i], d1 = x[3 * j + 1] - x[3 * i + 1], d2 = x[3 * j + 2] - x[3 * i + 2];
            double r = d0 * d0 + d1 * d1 + d2 * d2 + 0.01, w = 1.0 / (r * sqrt(r));
            double b0 = a_adj[3 * i] - a_adj[3 * j], b1 = a_adj[3 * i + 1] - a_adj[3 * j + 1];
            double b2 = a_adj[3 * i + 2] - a_adj[3 * j + 2];
            double r_adj = -1.5 * w / r * (b0 * d0 + b1 * d1 + b2 * d2);
            double c0 = w * b0 + 2.0 * r_adj * d0, c1 = w * b1 + 2.0 * r_adj * d1, c2 = w * b2 + 2.0 * r_adj * d2;
            x_adj[3 * j] += c0;
            x_adj[3 * j + 1] += c1;
            x_adj[3 * j + 2] += c2;
            x_adj[3 * i] -= c0;
            x_adj[3 * i + 1] -= c1;
            x_adj[3 * i + 2] -= c2;
        }
}

/* Every position is kept, if there is room for it. */
static void bodies_run(int64_t m, int64_t steps, const double *start, double *x, double *v, double *a, double *kept) {
    for (int64_t i = 0; i < m; i++) x[i] = start[i], v[i] = 0.0;
    for (int64_t t = 0; t < steps; t++) {
        if (kept)
            for (int64_t i = 0; i < m; i++) kept[t * m + i] = x[i];
        pull(m / 3, x, a);
        for (int64_t i = 0; i < m; i++) v[i] += 0.01 * a[i];
        for (int64_t i = 0; i < m; i++) x[i] += 0.01 * v[i];
    }
}

KERNEL(bodies) {
    int64_t m = 3 * size[0];
    double *x = malloc(3 * m * sizeof(double)), s = 0.0;
    bodies_run(m, size[1], in[0], x, x + m, x + 2 * m, NULL);
    for (int64_t i = 0; i < m; i++) s += x[i] * x[i];
    out[0][0] = s;
    free(x);
}

KERNEL(bodies_gradient) {
    int64_t m = 3 * size[0], steps = size[1];
    double *x = malloc((steps + 3) * m * sizeof(double)), *v = x + m, *a = x + 2 * m, *kept = x + 3 * m;
    bodies_run(m, steps, in[0], x, v, a, kept);
    double *restrict x_adj = out[0];
    for (int64_t i = 0; i < m; i++) x_adj[i] = 2.0 * x[i], v[i] = 0.0;
    for (int64_t t = steps - 1; t >= 0; t--) {
        for (int64_t i = 0; i < m; i++) {
            v[i] += 0.01 * x_adj[i];
            a[i] = 0.01 * v[i];
        }
        pull_adj(m / 3, kept + t * m, a, x_adj);
    }
    free(x);
}

/* Scalars: the sum over many arguments, from in[0][0] in steps of in[0][1]. */
#define OVER_ARGUMENTS(name, f)                                                                   \
    KERNEL(name) {                                                                                \
        double s = 0.0;                                                                           \
        for (int64_t i = 0; i < size[0]; i++) s += f(in[0][0] + in[0][1] * (double)i);            \
        out[0][0] = s;                                                                            \
    }

OVER_ARGUMENTS(newton_gradient, newton_grad)
OVER_ARGUMENTS(rk4_gradient, rk4_grad)
OVER_ARGUMENTS(recursion_gradient, recursion_grad)
