/* Trains the network of network.dp on handwritten digits. The loss and its gradient are dProg; reading, splitting, batches and the
 * optimizer (Adam) are C.
 *
 *     ./train [../data/digits.csv]
 */
#include "network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 2000, PIXELS = 64, HIDDEN = 64, DIGITS = 10, BATCH = 32, EPOCHS = 60 };
enum { WEIGHTS = PIXELS * HIDDEN + HIDDEN + HIDDEN * DIGITS + DIGITS };

static double images[MOST][PIXELS];
static int64_t digits[MOST];

static void check(int32_t status) {
    if (status != DPROG_OK) {
        fprintf(stderr, "%s\n", dprog_last_error());
        exit(3);
    }
}

static int64_t read_digits(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        exit(4);
    }
    char line[1024];
    int64_t n = 0;
    while (n < MOST && fgets(line, sizeof line, file)) {
        char *at = line;
        for (int k = 0; k < PIXELS; k++, at++) images[n][k] = strtod(at, &at) / 16.0;
        digits[n++] = strtol(at, NULL, 10);
    }
    fclose(file);
    return n;
}

/* A network, or a gradient, in one piece of memory. */
static Mlp over(double *memory) {
    Mlp net;
    net.w1 = memory;
    net.b1 = net.w1 + PIXELS * HIDDEN;
    net.w2 = net.b1 + HIDDEN;
    net.b2 = net.w2 + HIDDEN * DIGITS;
    return net;
}

/* Kingma and Ba, Adam: a method for stochastic optimization, ICLR 2015, algorithm 1. */
static void step(double *weights, const double *gradient, int64_t count) {
    static double first[WEIGHTS], second[WEIGHTS];
    double rate = 3e-3 / (1 - pow(0.9, (double)count)), scale = 1 / (1 - pow(0.999, (double)count));
    for (int k = 0; k < WEIGHTS; k++) {
        first[k] = 0.9 * first[k] + 0.1 * gradient[k];
        second[k] = 0.999 * second[k] + 0.001 * gradient[k] * gradient[k];
        weights[k] -= rate * first[k] / (sqrt(second[k] * scale) + 1e-8);
    }
}

/* Copies the images with these numbers one behind the other. */
static void gather(const int64_t *numbers, int64_t n, double (*xs)[PIXELS], int64_t *ys) {
    for (int64_t k = 0; k < n; k++) {
        memcpy(xs[k], images[numbers[k]], sizeof xs[k]);
        ys[k] = digits[numbers[k]];
    }
}

int main(int argc, char **argv) {
    static double weights[WEIGHTS], gradient[WEIGHTS], xs[MOST][PIXELS];
    static int64_t split[MOST], order[MOST], ys[MOST];
    int64_t n = read_digits(argc > 1 ? argv[1] : "../data/digits.csv");
    int64_t cut = n * 4 / 5, steps = 0, right;
    Mlp net = over(weights), g = over(gradient);
    check(initialize(&net, 1));
    /* The split of examples/digits.dp. */
    check(shuffle(n, split, 2024));
    for (int epoch = 1; epoch <= EPOCHS; epoch++) {
        check(shuffle(cut, order, epoch));
        double total = 0, value;
        int batches = 0;
        for (int64_t start = 0; start < cut; start += BATCH, batches++) {
            int64_t size = cut - start < BATCH ? cut - start : BATCH, numbers[BATCH];
            for (int64_t k = 0; k < size; k++) numbers[k] = split[order[start + k]];
            gather(numbers, size, xs, ys);
            check(loss_gradient(size, &net, &xs[0][0], ys, &value, &g));
            step(weights, gradient, ++steps);
            total += value;
        }
        if (epoch % 10 == 0) printf("epoch %d/%d  loss %.4f\n", epoch, EPOCHS, total / batches);
    }
    gather(split + cut, n - cut, xs, ys);
    check(count_right(n - cut, &net, &xs[0][0], ys, &right));
    printf("test accuracy: %.3f\n", (double)right / (double)(n - cut));
    return 0;
}
