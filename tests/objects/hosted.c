#include "hosted.h"
#include "ok.h"
#include <string.h>

int main(void) {
    double u, v, t;
    OK(branches(5, 1.5, &u));
    OK(branches_grad(5, 1.5, &t, &v));
    printf("%.17g %.17g\n", u, v);
    double w1[6] = {0.1, -0.2, 0.3, 0.4, -0.5, 0.6}, b1[3] = {0.1, 0.2, 0.3}, w2[3] = {1.0, -1.0, 0.5};
    double gw1[6], gb1[3], gw2[3], x[2] = {0.5, -1.5}, y[1] = {0.25};
    Mlp net;
    net.w1 = w1;
    net.b1 = b1;
    net.w2 = w2;
    net.seen = 3;
    Mlp_tangent g;
    g.w1 = gw1;
    g.b1 = gb1;
    g.w2 = gw2;
    OK(loss_grad(2, 3, 1, &net, x, y, &v, &g));
    printf("%.17g %.17g %.17g %.17g %.17g\n", v, gw1[0], gw1[5], gb1[1], gw2[2]);
    double a[6] = {1, 2, 3, 4, 5, 6.5}, m[4];
    OK(gram(3, 2, a, m));
    printf("%.17g %.17g %.17g %.17g\n", m[0], m[1], m[2], m[3]);
    double s[3] = {3, -1, 2}, sorted_s[3];
    OK(sorted(3, s, sorted_s));
    printf("%.17g %.17g %.17g\n", sorted_s[0], sorted_s[1], sorted_s[2]);
    dprog_text text;
    OK(greeting("J\xc3\xbcrgen", 7, 3, &text));
    printf("%s\n", text.data);
    greeting_free(&text);
    OK(deep(1000, 3.0, &u));
    OK(deep_grad(10, 3.0, &v));
    printf("%.17g %.17g\n", u, v);
    return 0;
}
