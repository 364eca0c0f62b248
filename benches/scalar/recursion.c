/* Gradients of recursions and of loops that end when the data says so, with adjoints written by hand, to compare with
   recursion.dp: recursion mirrored, the tape in an array that is there already, or on C's own stack.
   cc -O3 -march=native recursion.c -lm -o recursion && ./recursion */
#define _POSIX_C_SOURCE 199309L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

/* The tape of all programs here. */
static double tape[1 << 16];
static int top;

/* Read at run time, so that no recursion is computed by the compiler. */
static volatile int depths[] = {10, 1000, 15, 100, 50};

/* A power with an integer exponent, 10 deep. */
static double power(double x, int n) {
    if (n == 0) return 1.0;
    double r = power(x, n - 1);
    tape[n] = r;
    return x * r;
}

static void power_adj(double x, int n, double seed, double *x_adj) {
    if (n == 0) return;
    *x_adj += seed * tape[n];
    power_adj(x, n - 1, seed * x, x_adj);
}

static double power_grad(double x) {
    double x_adj = 0.0;
    int n = depths[0];
    power(x, n);
    power_adj(x, n, 1.0, &x_adj);
    return x_adj;
}

/* The same by squaring, for exponents up to 1000. */
static double square(double x, int n) {
    if (n == 0) return 1.0;
    if (n % 2 == 0) {
        double h = square(x, n / 2);
        tape[top++] = h;
        return h * h;
    }
    double r = square(x, n - 1);
    tape[top++] = r;
    return x * r;
}

static void square_adj(double x, int n, double seed, double *x_adj) {
    if (n == 0) return;
    double r = tape[--top];
    if (n % 2 == 0) {
        square_adj(x, n / 2, 2.0 * r * seed, x_adj);
    } else {
        *x_adj += seed * r;
        square_adj(x, n - 1, seed * x, x_adj);
    }
}

static double squaring_grad(double x) {
    double x_adj = 0.0;
    top = 0;
    int n = depths[1];
    square(x, n);
    square_adj(x, n, 1.0, &x_adj);
    return x_adj;
}

/* Fibonacci's recursion over values that matter, 15 deep. */
static double pairs(double x, int n) {
    if (n < 2) return n ? x : 1.0;
    double a = pairs(x, n - 1), b = pairs(x, n - 2);
    tape[top++] = a;
    tape[top++] = b;
    return 0.5 * a * b + x;
}

static void pairs_adj(double x, int n, double seed, double *x_adj) {
    if (n < 2) {
        if (n) *x_adj += seed;
        return;
    }
    double b = tape[--top], a = tape[--top];
    *x_adj += seed;
    pairs_adj(x, n - 2, 0.5 * a * seed, x_adj);
    pairs_adj(x, n - 1, 0.5 * b * seed, x_adj);
}

static double binary_grad(double x) {
    double x_adj = 0.0;
    top = 0;
    int n = depths[2];
    pairs(x, n);
    pairs_adj(x, n, 1.0, &x_adj);
    return x_adj;
}

/* Two functions that call each other, 100 deep. */
static double odd(double x, int n);

static double even(double x, int n) {
    if (n == 0) return x;
    double r = odd(x, n - 1);
    tape[n] = r;
    return x * r + 0.25;
}

static double odd(double x, int n) {
    if (n == 0) return 1.0;
    double r = even(x, n - 1);
    tape[n] = r;
    return r / (1.0 + r * r) + x;
}

static void odd_adj(double x, int n, double seed, double *x_adj);

static void even_adj(double x, int n, double seed, double *x_adj) {
    if (n == 0) {
        *x_adj += seed;
        return;
    }
    *x_adj += seed * tape[n];
    odd_adj(x, n - 1, seed * x, x_adj);
}

static void odd_adj(double x, int n, double seed, double *x_adj) {
    if (n == 0) return;
    double r = tape[n], q = 1.0 / (1.0 + r * r);
    *x_adj += seed;
    even_adj(x, n - 1, seed * (1.0 - r * r) * q * q, x_adj);
}

static double mutual_grad(double x) {
    double x_adj = 0.0;
    int n = depths[3];
    even(x, n);
    even_adj(x, n, 1.0, &x_adj);
    return x_adj;
}

/* The logistic map as a recursion at the end of the function, 100 deep: the derivative by its parameter. */
static double logistic_adj(double x, double r, int n, double *r_adj) {
    if (n == 0) return 1.0;
    double y_adj = logistic_adj(r * x * (1.0 - x), r, n - 1, r_adj);
    *r_adj += y_adj * x * (1.0 - x);
    return y_adj * r * (1.0 - 2.0 * x);
}

static double logistic_grad(double r) {
    double r_adj = 0.0;
    logistic_adj(0.3, r, depths[3], &r_adj);
    return r_adj;
}

/* A continued fraction with an active term at every level, 50 deep. */
static double fraction(double x, int k, int n) {
    if (k == n) return 1.0;
    double r = fraction(x, k + 1, n);
    tape[k] = r;
    return (2.0 * k + 1.0) + x * x / r;
}

static void fraction_adj(double x, int k, int n, double seed, double *x_adj) {
    if (k == n) return;
    double q = seed / tape[k];
    *x_adj += 2.0 * x * q;
    fraction_adj(x, k + 1, n, -x * x / tape[k] * q, x_adj);
}

static double fraction_grad(double x) {
    double x_adj = 0.0;
    int n = depths[4];
    fraction(x, 0, n);
    fraction_adj(x, 0, n, 1.0, &x_adj);
    return x_adj;
}

/* An expression as a tree: the derivative of its value by its variable. */
enum { VARIABLE, NUMBER, SUM, PRODUCT, SINE };

struct expression {
    int kind;
    double number;
    struct expression *a, *b;
};

static struct expression *make(int kind, double number, struct expression *a, struct expression *b) {
    struct expression *e = malloc(sizeof *e);
    *e = (struct expression){kind, number, a, b};
    return e;
}

static struct expression *grown(int depth, int i) {
    if (depth == 0) return i % 2 == 0 ? make(VARIABLE, 0.0, NULL, NULL) : make(NUMBER, 0.5 + 0.01 * i, NULL, NULL);
    struct expression *a = grown(depth - 1, 2 * i), *b = grown(depth - 1, 2 * i + 1);
    if (depth % 3 == 0) return make(SUM, 0.0, make(SINE, 0.0, a, NULL), b);
    return make(depth % 3 == 1 ? PRODUCT : SUM, 0.0, a, b);
}

static double eval(const struct expression *e, double x) {
    switch (e->kind) {
    case VARIABLE: return x;
    case NUMBER: return e->number;
    case SUM: return eval(e->a, x) + eval(e->b, x);
    case PRODUCT: {
        double a = eval(e->a, x), b = eval(e->b, x);
        tape[top++] = a;
        tape[top++] = b;
        return a * b;
    }
    default: {
        double a = eval(e->a, x);
        tape[top++] = a;
        return sin(a);
    }
    }
}

static void eval_adj(const struct expression *e, double seed, double *x_adj) {
    switch (e->kind) {
    case VARIABLE: *x_adj += seed; break;
    case NUMBER: break;
    case SUM:
        eval_adj(e->b, seed, x_adj);
        eval_adj(e->a, seed, x_adj);
        break;
    case PRODUCT: {
        double b = tape[--top], a = tape[--top];
        eval_adj(e->b, seed * a, x_adj);
        eval_adj(e->a, seed * b, x_adj);
        break;
    }
    default: {
        double a = tape[--top];
        eval_adj(e->a, seed * cos(a), x_adj);
    }
    }
}

static struct expression *expression;

static double tree_grad(double x) {
    double x_adj = 0.0;
    top = 0;
    eval(expression, x);
    eval_adj(expression, 1.0, &x_adj);
    return x_adj;
}

/* y' = -k y² by Heun's method; a step is halved until its error is small. The halvings are not differentiated by: they change
   h by constants. */
static double adaptive_grad(double k) {
    double y = 1.0, t = 0.0, h = 0.5;
    int steps = 0;
    while (t < 2.0) {
        h = fmin(h, 2.0 - t);
        double d1 = -k * y * y, e = y + h * d1, d2 = -k * e * e;
        while (fabs(0.5 * h * (d2 - d1)) > 1e-4) {
            h = 0.5 * h;
            e = y + h * d1;
            d2 = -k * e * e;
        }
        tape[2 * steps] = y;
        tape[2 * steps + 1] = h;
        steps++;
        y = y + 0.5 * h * (d1 + d2);
        t = t + h;
        h = 2.0 * h;
    }
    double y_adj = 1.0, k_adj = 0.0;
    while (steps > 0) {
        steps--;
        y = tape[2 * steps];
        h = tape[2 * steps + 1];
        double d1 = -k * y * y, e = y + h * d1;
        double d2_adj = 0.5 * h * y_adj, d1_adj = d2_adj;
        k_adj -= d2_adj * e * e;
        double e_adj = -2.0 * k * e * d2_adj;
        d1_adj += h * e_adj;
        y_adj += e_adj;
        k_adj -= d1_adj * y * y;
        y_adj -= 2.0 * k * y * d1_adj;
    }
    return k_adj;
}

/* A cube root by Newton's method for each step of a loop that ends when the sum is large enough: loops in a loop. */
static double nested_grad(double a) {
    int inner[64], steps = 0;
    double sum = 0.0, z = a;
    top = 0;
    while (sum < 20.0) {
        double x = 1.0;
        int count = 0;
        while (fabs(x * x * x - z) > 1e-10) {
            tape[top++] = x;
            x = x - (x * x * x - z) / (3.0 * x * x);
            count++;
        }
        tape[top++] = z;
        inner[steps++] = count;
        sum += x;
        z = x + a;
    }
    double sum_adj = 1.0, z_adj = 0.0, a_adj = 0.0;
    while (steps > 0) {
        int count = inner[--steps];
        z = tape[--top];
        a_adj += z_adj;
        double x_adj = sum_adj + z_adj;
        z_adj = 0.0;
        while (count > 0) {
            double x = tape[--top], q = x_adj / (3.0 * x * x);
            count--;
            z_adj += q;
            x_adj = 2.0 * q * (x * x * x - z) / x;
        }
    }
    return a_adj + z_adj;
}

/* Kepler's equation by Newton's method: the derivative by the eccentricity. */
static double kepler_grad(double e) {
    double x = 1.3, step = 1.0;
    int k = 0;
    while (fabs(step) > 1e-12) {
        tape[k++] = x;
        step = (x - e * sin(x) - 1.3) / (1.0 - e * cos(x));
        x = x - step;
    }
    double x_adj = 1.0, e_adj = 0.0;
    while (k > 0) {
        x = tape[--k];
        double s = sin(x), c = cos(x), d = 1.0 - e * c, f = x - e * s - 1.3;
        double q = -x_adj / d, p = -q * f / d;
        e_adj += -q * s - p * c;
        x_adj += q * d + p * e * s;
    }
    return e_adj;
}

/* The sum of many square roots, each by Newton's method: a loop that ends when it likes in one that counts. */
static double roots_grad(double s) {
    double s_adj = 0.0;
    for (int i = 0; i < 100000; i++) {
        double w = 1.0 + i, a = s * w, x = a;
        top = 0;
        while (fabs(x * x - a) > 1e-12 * a) {
            tape[top++] = x;
            x = 0.5 * (x + a / x);
        }
        double x_adj = 1.0, a_adj = 0.0;
        while (top > 0) {
            double y = tape[--top], t = 0.5 * x_adj;
            a_adj += t / y;
            x_adj = t - t * a / (y * y);
        }
        s_adj += (a_adj + x_adj) * w;
    }
    return s_adj;
}

#define BENCH(name, f, count, from, step)                                          \
    do {                                                                           \
        double s = 0.0, best = 1e9;                                                \
        for (int r = 0; r < 50; r++) {                                             \
            double t = now(), shift = 0.0 * s;                                     \
            s = 0.0;                                                               \
            for (int i = 0; i < count; i++) s += f(from + shift + step * i);       \
            t = now() - t;                                                         \
            if (t < best) best = t;                                                \
        }                                                                          \
        printf("%s %.1f ns (checksum %.12g)\n", name, 1e9 * best / count, s);      \
    } while (0)

int main(void) {
    expression = grown(9, 0);
    BENCH("power", power_grad, 25000, 0.5, 1e-7);
    BENCH("squaring", squaring_grad, 25000, 0.999, 1e-9);
    BENCH("recursion-in-two", binary_grad, 100, 0.5, 1e-5);
    BENCH("mutual", mutual_grad, 2500, 0.5, 1e-6);
    BENCH("logistic", logistic_grad, 2500, 2.5, 1e-6);
    BENCH("fraction", fraction_grad, 2500, 0.5, 1e-6);
    BENCH("tree", tree_grad, 100, 0.5, 1e-5);
    BENCH("adaptive", adaptive_grad, 1000, 0.5, 1e-5);
    BENCH("nested", nested_grad, 1000, 1.0, 1e-5);
    BENCH("kepler", kepler_grad, 5000, 0.2, 1e-6);
    BENCH("roots", roots_grad, 1, 1.0, 1e-6);
    return 0;
}
