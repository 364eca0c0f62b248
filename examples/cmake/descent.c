/* Walks down the valley of valley.dp by gradient descent with momentum. */
#include "valley.h"

#include <stdio.h>

int main(void) {
    double x[2] = {-1.2, 1.0}, speed[2] = {0.0, 0.0}, gradient[2], value;
    for (int step = 0; step < 20000; step++) {
        if (valley_gradient(2, x, &value, gradient) != DPROG_OK) {
            fprintf(stderr, "%s\n", dprog_last_error());
            return 3;
        }
        for (int i = 0; i < 2; i++) {
            speed[i] = 0.9 * speed[i] - 1e-3 * gradient[i];
            x[i] += speed[i];
        }
    }
    printf("lowest at %.6f %.6f\n", x[0], x[1]);
    return 0;
}
