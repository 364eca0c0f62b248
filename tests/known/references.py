#!/usr/bin/env python3
"""Writes the .expected file beside each program of this folder: the same mathematics in 60 digits.

needs the package mpmath; run by hand when a program is added. Each expected line is a label and numbers, in the order
in which the program prints them.
"""
import os
import sys
from mpmath import mp, mpf, sin, cos, exp, log, sqrt, tanh, log1p, atan2, erf, diff, inf
from mathematics import HERE, write, jet, partial, gradient, hessian, m, times


def newton():
    # Converged to far below rounding, the program's derivatives are those of the square root up to the last steps taken
    # in double precision, which contract quadratically; so are these.
    def f(a):
        x = mp.mpf(max(a, mpf(1)))
        steps = 5
        for _ in range(steps):
            x = (x + a / x) / 2
        return x
    write('newton', list(zip(['value', 'first', 'second', 'third'], [[v] for v in jet(f, 2, 3)])))


def break_continue():
    def f(x):
        total = mpf(0)
        for i in range(10):
            if i == 3:
                continue
            s = x
            for j in range(10):
                if j == 1:
                    continue
                s = s * x + mpf('0.1') * i
                if s > 40:
                    break
                if j > 6:
                    break
            total += sin(s) * x
            if total > 3.5 and i > 5:
                break
        return total
    write('break_continue', list(zip(['value', 'first', 'second', 'third'], [[v] for v in jet(f, '1.3', 3)])))


def early_return():
    def f(x, n):
        if x < 0:
            return x ** 3
        s = mpf(1)
        for i in range(n):
            for j in range(n):
                s = s + sin(x * (i + j)) * s
                if s > 8:
                    return s * x
        for _ in range(3):
            s = s * x
        return s
    cases = [('a', '-1.5', 4), ('b', '0.7', 4), ('c', '0.7', 2), ('d', '0.7', 0)]
    write('early_return', [(l, jet(lambda t: f(t, n), x, 2)) for l, x, n in cases])


def overwrite():
    def f(x):
        y, n = list(x), len(x)
        for _ in range(3):
            for i in range(n):
                y[i] = y[i] * y[(i + 1) % n] + sin(y[i])
        return sum(a * b for a, b in zip(y, x))
    x = m('0.3', '0.5', '0.7')
    h = hessian(f, x)
    write('overwrite', [('value', [f(x)]), ('grad', gradient(f, x)), ('hvp', times(h, m(1, -1, '0.5'))), ('hessian', sum(h, []))])


def copies():
    def f(x):
        u = [x, x * x]
        v = list(u)
        u[0] = u[1] * 3
        w = list(u)
        w[1] = v[0] + u[0]
        sa, sb = list(w), x
        ta, tb = list(sa), sb
        sa[0] = sb * ta[1]
        sb = sa[0] * tb
        return u[0] * v[0] + w[1] * ta[0] + sa[0] * sb * tb
    write('copies', list(zip(['value', 'first', 'second', 'third'], [[v] for v in jet(f, '0.8', 3)])))


def zero_trips():
    x = mpf('1.5')
    write('zero_trips', [('a', [x * x, 2 * x, mpf(2)]), ('b', [x * x + 2 * x + 2, 2 * x + 2, x + 1]), ('c', [0])])


def recursion():
    def power(x, n):
        return x ** n
    def even(x, n):
        return x if n == 0 else sin(odd(x, n - 1)) * x
    def odd(x, n):
        return mpf(1) if n == 0 else exp(-even(x, n - 1)) + x
    def fib(x, n):
        return x if n < 2 else fib(x, n - 1) * x + fib(x, n - 2)
    write('recursion', [('power', jet(lambda t: power(t, 13), '1.1', 3)), ('even', jet(lambda t: even(t, 7), '0.9', 3)),
                        ('fib', jet(lambda t: fib(t, 9), '0.9', 3))])


def evaluator():
    def f(x, c=mpf(2), h=mpf('0.5')):
        return c * sin(x * x) + (x + h) ** 3
    x = mpf('0.6')
    j = jet(f, x, 3)
    by_c, by_h = sin(x * x), 3 * (x + mpf('0.5')) ** 2
    write('evaluator', [('value', [j[0]]), ('first', [j[1]]), ('second', [j[2]]), ('third', [j[3]]),
                        ('tree', [by_c, by_h]), ('by_two', [by_c]), ('by_half', [by_h])])


def closures_by_data():
    def f(x):
        a = x * x
        fs = [lambda t: t * a, lambda t: sin(t) + a, lambda t: exp(-t * x)]
        s = x
        for i in [0, 2, 1, 1, 0, 2]:
            s = fs[i](s)
        return s
    def h(x):
        return sin(x + x) ** 2 * x
    x = mpf('0.7')
    write('closures_by_data', [('f', jet(f, x, 3)), ('h', jet(h, x, 3)), ('p', [2 * x + 2, 3 * x * x, 6 * x])])


def nested_gradients():
    def dinner(y, x):  # d/dy (sin(x y) y + x y²)
        return cos(x * y) * x * y + sin(x * y) + 2 * x * y
    def outer(x):
        return sum(dinner(mpf('0.3') * i, x) * x for i in range(1, 4))
    def descend(r):
        w = mpf(2)
        for _ in range(5):
            w = w - r * (w ** 3 + cos(w))
        return w * w
    j = jet(outer, '0.8', 3)
    write('nested_gradients', [('outer', j), ('descend', jet(descend, '0.05', 2)), ('confusion', [mpf(1)]), ('forward', j[:2])])


def hvp_compositions():
    def f(x):
        n, s = len(x), mpf(0)
        for i in range(n):
            t = x[i] * x[i] * x[(i + 1) % n]
            s += exp(-t) + t * x[0]
        return s
    x, v = m('0.4', '-0.3', '0.9', '0.2'), m(1, '0.5', -2, '0.25')
    h = hessian(f, x)
    hv = times(h, v)
    vhv = sum(a * b for a, b in zip(v, hv))
    labels = ['hvp', 'forward_over_reverse', 'reverse_over_reverse', 'reverse_over_forward', 'vjp_of_grad', 'hessian_times']
    write('hvp_compositions', [(l, hv) for l in labels] +
          [('forward_over_forward', [vhv]), ('v_h_v', [vhv]), ('diag', [h[i][i] for i in range(4)]), ('pullback', hv)])


def adaptive():
    def f(k):
        rhs = lambda y, t: -k * y + sin(t)
        y, t, h = mpf(1), mpf(0), mpf('0.1')
        while t < 2:
            if t + h > 2:
                h = 2 - t
            k1 = rhs(y, t)
            k2 = rhs(y + h * k1, t + h)
            err = abs(h * (k2 - k1) / 2)
            if err < mpf('1e-3'):
                y = y + h * (k1 + k2) / 2
                t = t + h
                if err < mpf('2e-4'):
                    h = h * mpf('1.5')
            else:
                h = h / 2
            if h < mpf('1e-9'):
                break
        return y
    write('adaptive', list(zip(['value', 'first', 'second', 'third'], [[v] for v in jet(f, '1.7', 3)])))


def forward_algorithm():
    arcs_of = lambda w: [(0, 1, w[0]), (0, 2, w[1]), (1, 2, w[2]), (1, 3, w[3]), (2, 3, w[4])]
    def forward(w):
        z = [mpf(1), mpf(0), mpf(0), mpf(0)]
        for s in range(1, 4):
            z[s] = sum((z[a] * exp(x) for a, b, x in arcs_of(w) if b == s), mpf(0))
        return log(z[3])
    def viterbi(w):
        z = [mpf(0), -inf, -inf, -inf]
        for s in range(1, 4):
            for a, b, x in arcs_of(w):
                if b == s:
                    z[s] = max(z[s], z[a] + x * x)
        return z[3]
    weights = lambda x: [x, sin(x), mpf('0.5'), x * x, x / 4]
    x = mpf('0.6')
    g = gradient(forward, weights(x))
    write('forward_algorithm', [('forward', jet(lambda t: forward(weights(t)), x, 3)), ('viterbi', jet(lambda t: viterbi(weights(t)), x, 2)),
                                ('squares', [sum(v * v for v in g)])])


def kinks():
    z, o = mpf(0), mpf(1)
    write('kinks', [('abs', [z]), ('max_first', [o]), ('max_second', [z]), ('min_first', [o]), ('min_second', [z]), ('relu', [z]),
                    ('pow2', [z]), ('pow2_second', [mpf(2)]), ('pow0y', [z]), ('stop', [mpf(3)]),
                    ('stop_second', [mpf(18)]), ('floor', [mpf(2)]), ('norm', [z, z]), ('max_tie', [z, o, z]), ('min_tie', [o, z, z]),
                    ('sort', [mpf(100), o, mpf(10)]), ('sqrt_inf', [inf]), ('div', [-inf])])


def structs_and_tuples():
    def f(a):
        x, y, mass, s0, s1, p, q = a
        return p * x * x + q * y * mass + sin(s0) * s1 * 3
    at = m('0.5', '0.25', 2, '0.1', '0.2', '1.5', '2.5')
    g = gradient(f, at)
    through = diff(lambda t: t * t * t + 1 * t * t * t + sin(t) * t * 2, mpf('0.7'))
    write('structs_and_tuples', [('at', g[:2]), ('mass', [g[2]]), ('samples', g[3:5]), ('k', g[5:]), ('again', [g[2]]), ('through', [through]),
                                 ('value', [f(at)]), ('aux', [mpf(8), mpf(4), mpf(12)])])


def models():
    w1, b1, w2, b2 = m('0.1', '0.2', '0.3', '-0.4', '-0.5', '0.6'), m('0.01', '0.02', '0.03'), m('0.7', '-0.8', '0.9'), m('0.1')
    def loss(p):
        w, b, v, c = p[:6], p[6:9], p[9:12], p[12]
        h = [tanh(w[2 * i] * 1 + w[2 * i + 1] * -2 + b[i]) for i in range(3)]
        q = tanh(sum(v[i] * h[i] for i in range(3)) + c)
        return (q - mpf('0.25')) ** 2 / 2
    p = w1 + b1 + w2 + b2
    g = gradient(loss, p)
    write('models', [('loss', [loss(p)]), ('w1', g[:6]), ('b1', g[6:9]), ('w2', g[9:12]), ('b2', g[12:])])


def lists():
    def stack(x):
        st, v = [], x
        while v < 20:
            st.append(v)
            v = v * mpf('1.7') + mpf('0.1')
        s = mpf(0)
        while st:
            s = s / 2 + sin(st.pop())
        return s * v
    def ragged(x):
        rows = [[x * (i + j) for j in range(i)] for i in range(4)]
        rows[2][1] = rows[3][2] * rows[1][0]
        return sum((v * v for r in rows for v in r), mpf(0))
    def arrays(x):
        xs = [(x, mpf(1))]
        for _ in range(3):
            a, b = xs[-1]
            xs.append((a * b, a + x))
        return sum(a * b for a, b in xs)
    write('lists', [('stack', jet(stack, '0.9', 3)), ('ragged', jet(ragged, '0.9', 3)), ('arrays', jet(arrays, '0.9', 2))])


def array_functions():
    def f(v):
        a, b, c = [v[0:3], v[3:6]], v[6:9], v[9:11]
        d = [[a[i][j] * b[j] + mpf('0.5') for j in range(3)] for i in range(2)]
        e = [sum(exp(-d[i][j]) * b[j] for j in range(3)) for i in range(2)]
        s = []
        for i in range(2):
            row = [exp(a[i][j] + b[j]) for j in range(3)]
            s.append([r / sum(row) for r in row])
        t = log(exp(e[0]) + exp(e[1])) + sqrt(c[0] ** 2 + c[1] ** 2) + sum(sum(r) for r in d) / 6
        u = [a[0][j] + a[1][j] for j in range(3)]
        vv = [max(r) for r in a]
        w = [sum(a[i][j] * c[i] for i in range(2)) for j in range(3)]
        z = u[0:2] + w[1:3]
        cum = sum(sum(z[:k + 1]) for k in range(4))
        re = [[a[0][0], a[0][1]], [a[0][2], a[1][0]], [a[1][1], a[1][2]]]
        return (t + sum(x * y for x, y in zip(vv, c)) + sum(x * y for x, y in zip(u, w)) + sum(s[i][j] * a[i][j] for i in range(2) for j in range(3))
                + cum + b[2] * c[0] + b[0] * c[1] + sum(re[1]))
    x = m('0.1', '-0.4', '0.9', '0.6', '0.3', '-0.2', '0.5', -1, 2, '1.5', '-0.7')
    g = gradient(f, x)
    d = m(1, 2, -1, '0.5', 0, 1)
    h = [[partial(f, x, i, j) for j in range(6)] for i in range(6)]
    write('array_functions', [('value', [f(x)]), ('a', g[:6]), ('b', g[6:9]), ('c', g[9:]), ('hvp', times(h, d)),
                              ('jvp', [sum(p * q for p, q in zip(g[:6], d))])])


def traits():
    real = lambda x: 2 * (x * x * x + x * x * sin(x))
    tropical = lambda x: max(x + x * x, x * x + sin(x))
    write('traits', [('real', jet(real, '0.7', 2)), ('tropical', jet(tropical, '0.7', 2))])


def inout():
    def step(x, v, h):
        v = v - h * sin(x)
        return x + h * v, v
    def pendulum(x):
        v = mpf('0.1')
        for _ in range(20):
            x, v = step(x, v, mpf('0.1'))
        return x * v
    def elements(x):
        a = [x * x, mpf(1), x]
        a[0], a[2] = step(a[0], a[2], x)
        return a[0] * a[1] + a[2]
    def twice(a):
        y = [a, mpf(1)]
        y = [y[0] + a * y[0], y[1] + a * y[1]]
        y = [y[0] + a, y[1] + a * a]
        return y[0] * y[1]
    write('inout', [('pendulum', jet(pendulum, '0.4', 3)), ('elements', jet(elements, '0.7', 2)), ('twice', jet(twice, '0.7', 2))])


def jacobians():
    p = m('1.5', '0.4')
    polar = [lambda q: q[0] * cos(q[1]), lambda q: q[0] * sin(q[1]), lambda q: q[0] ** 2 * q[1]]
    j = [gradient(f, p) for f in polar]
    seed = m(1, 2, 3)
    write('jacobians', [('jacobian', sum(j, [])), ('v', [f(p) for f in polar]), ('row0', j[0]), ('row2', j[2]),
                        ('vjp', [sum(seed[k] * j[k][i] for k in range(3)) for i in range(2)]), ('jvp', [r[0] - r[1] for r in j]),
                        ('into', m(0, 0, 8, 6, 0, 0, 8, 7)), ('hessian', sum(hessian(lambda q: polar[2](q) * polar[0](q), p), []))])


def third():
    def f(x):
        a = [x]
        for i in range(1, 4):
            a.append(a[i - 1] ** 2 - x / 2)
        s = mpf(0)
        for i in range(7):
            s = s + a[i % 4] * x if i % 2 == 0 else s - sin(a[i % 4])
        return s * exp(-x) + log1p(x * x) + tanh(x) / (1 + x * x) + atan2(x, mpf(2)) + erf(x) + x ** mpf('2.5')
    j = jet(f, '0.85', 3)
    write('third', [(str(k), [j[k]]) for k in range(4)] + [('3f', [j[3]]), ('3m', [j[3]])])


def function_arguments():
    def cubed(y):
        return y ** 3

    def passed(k):
        def first(f, df, x):
            return (df(x) + f(x * x)) * x + f(x)
        return (first(lambda x: sin(k * x), lambda x: k * cos(k * x), mpf('0.6'))
                + first(lambda x: x * x * k, lambda x: 2 * x * k, mpf('0.4')))

    def same(a):
        x = mpf('0.3')
        for _ in range(9):
            x = sin(a * x) + x / 2
        return x

    def slid(a):
        x = mpf('1.5')
        for _ in range(7):
            x = x - (mp.sinh(x - a) + mpf('0.3')) / 10
        return x

    def piled(a):
        f = lambda t: t * t * a
        for _ in range(12):
            f = (lambda g: lambda t: g(t) / 2 + sin(t))(f)
        return f(a)

    def loop(x):
        t = x * x
        for _ in range(6):
            t = t - (2 * (t - x) + mpf('0.3') * t * t) / 5
        return t

    write('function_arguments', [
        ('newton', jet(sqrt, 2, 3)),
        ('own', jet(lambda x: 3 * x ** 3, '1.2', 2)),
        ('passed', jet(passed, '1.3', 2)),
        ('same', jet(same, '0.8', 2)),
        ('slid', jet(slid, '0.8', 2)),
        ('piled', jet(piled, '0.8', 2)),
        ('loop', jet(loop, '0.9', 2)),
        ('start', [8 * mpf('1.1') ** 7, diff(lambda x: sin(sin(sin(x))), mpf('1.1'), 2)]),
    ])


def function_results():
    def composed(x):
        h = lambda t: sin(x * (exp(t) ** 2 + x))
        dh = lambda t: cos(x * (exp(t) ** 2 + x)) * x * 2 * exp(2 * t)
        return h(x) + dh(x)

    def third(x):
        # The third derivative of sin(t x) t^2 by t, at t = x.
        return diff(lambda t: sin(t * x) * t * t, x, 3)

    def stored(x):
        return x ** 3 + 4 * x

    def by_data(c):
        return lambda x: (x ** 3 if c else x * x) + 2 * x * x

    def table(k):
        def f(x):
            fs = [lambda t: x * t, lambda t: t * t * x, sin, lambda t: cos(x * t)]
            y = x
            for g in fs:
                y = y + g(y)
            return y * fs[k](x)
        return f

    def doubled(x):
        y = x
        for _ in range(4):
            y = sin(y) + x / 10
        return y

    t = mpf('1.5')
    at = lambda f: jet(f, '0.6', 2)
    write('function_results', [
        ('composed', at(composed)),
        ('both', at(lambda x: x * exp(x * x) * x * mpf('0.7'))),
        ('third', at(third)),
        ('stored', at(stored)[:2]),
        ('if', at(by_data(True))),
        ('else', at(by_data(False))),
        ('table', [at(table(0))[0], at(table(1))[1], at(table(3))[2]]),
        ('doubled', at(doubled)),
        ('slope', at(lambda x: t ** 3 * x * 3 * t * t * x * x + 3 * t * t * x)),
    ])


def captured_arrays():
    w, x = m('0.5', '-0.3', '0.8'), m('0.2', '0.7', '-0.4')
    mix = lambda v: [v[0] * v[1] * w[2], sin(v[2]) * w[0], v[1] ** 2 * v[2] + w[1]]

    def f(v):
        y = mix(v)
        return y[0] * y[1] + y[2] ** 2

    jacobian = [gradient(lambda v: mix(v)[i], x) for i in range(3)]
    from_left = lambda seed: [sum(seed[i] * jacobian[i][j] for i in range(3)) for j in range(3)]
    g, h = gradient(f, x), hessian(f, x)

    def energy(w, x):
        e = [exp(a * b) for a, b in zip(w, x)]
        return sum(a * b for a, b in zip(e, x)) + sum(b * a * (1 + b * c) for a, b, c in zip(e, w, x))

    both = lambda v: energy(v[:3], v[3:])
    second = hessian(both, w + x)
    write('captured_arrays', [
        ('value', [f(x)]),
        ('grad', g),
        ('hvp', times(h, w)),
        ('jacobian', sum(jacobian, [])),
        ('hessian', sum(h, [])),
        ('diag', [h[i][i] for i in range(3)]),
        ('pullback', mix(x) + from_left(w) + from_left(mix(x))),
        ('jvp', times(jacobian, w)),
        ('vjp', from_left(w)),
        ('norms', [sum(a * a for a in g)] + [2 * a for a in times(h, g)]),
        ('by_weights', gradient(lambda v: energy(v, x), w)),
        ('by_both', times(second, x + w)[:3]),
    ])


if __name__ == '__main__':
    import references_arrays, references_control, references_data, references_numeric, references_programs
    PROGRAMS = dict(globals())
    for module in [references_arrays, references_control, references_data, references_numeric, references_programs]:
        PROGRAMS.update(vars(module))
    names = sys.argv[1:] or sorted(f[:-3] for f in os.listdir(HERE) if f.endswith('.dp'))
    for name in names:
        PROGRAMS[name]()
