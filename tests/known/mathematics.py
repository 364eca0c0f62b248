"""What the references of this folder share: sixty digits, derivatives of any order, and the lines to be expected."""
import os
from mpmath import mp, mpf, diff, nstr

mp.dps = 60
HERE = os.path.dirname(os.path.abspath(__file__))


def num(x):
    return nstr(x, 50) if not isinstance(x, int) else str(x)


def write(name, lines):
    with open(os.path.join(HERE, name + '.expected'), 'w') as out:
        for label, values in lines:
            out.write(' '.join([label] + [num(v) for v in values]) + '\n')


def jet(f, x, order):
    x = mpf(x)
    return [f(x)] + [diff(f, x, k) for k in range(1, order + 1)]


def partial(f, x, *idx):
    orders = [0] * len(x)
    for i in idx:
        orders[i] += 1
    return diff(lambda *a: f(list(a)), tuple(x), tuple(orders))


def gradient(f, x):
    return [partial(f, x, i) for i in range(len(x))]


def hessian(f, x):
    n = len(x)
    h = [[None] * n for _ in range(n)]
    for i in range(n):
        for j in range(i, n):
            h[i][j] = h[j][i] = partial(f, x, i, j)
    return h


def m(*xs):
    return [mpf(x) for x in xs]


def times(h, v):
    return [sum(a * b for a, b in zip(row, v)) for row in h]


def scalar(label, f, at):
    """The lines that `report_scalar` of a program prints: derivatives up to the third, then by other modes."""
    v, d1, d2, d3 = jet(f, at, 3)
    return [(label, [v, d1, d2, d3]), (label + '_modes', [d1, d2, d2, d2, d3, d3])]


def vector(label, f, at, direction):
    """The same for a function of a vector: value, gradient, Hessian times the direction, and the third derivative applied to it twice."""
    x, v = m(*at), m(*direction)
    n = len(x)
    g = gradient(f, x)
    hv = [mixed(f, x, v, i, 1) for i in range(n)]
    hvv = [mixed(f, x, v, i, 2) for i in range(n)]
    return [(label, [f(x)]), (label + '_grad', g), (label + '_hv', hv * 4), (label + '_third', hvv * 2)]


def mixed(f, x, v, i, order):
    """The derivative by x[i], and `order` times in the direction v."""
    def moved(s, t):
        y = [a + t * b for a, b in zip(x, v)]
        y[i] += s
        return f(y)
    return diff(moved, (mpf(0), mpf(0)), (1, order))
