"""References of programs about control: loops, conditions, returns, recursion."""
from mpmath import mp, mpf, sin, cos, exp, log, sqrt, inf, diff
from mathematics import write, jet, scalar, vector, gradient, m


def nested_breaks():
    def f(x):
        total = x
        for i in range(5):
            if total > 6:
                break
            j = 0
            while j < 6:
                j += 1
                if j % 3 == 1:
                    continue
                k = 0
                while True:
                    k += 1
                    if k > 4:
                        break
                    if (i + j + k) % 4 == 0:
                        continue
                    total += mpf('0.05') * sin(total * k) * x
                    if total > 9:
                        return total * x
                    if total * x > 4 and k > 2:
                        break
                if total < 0:
                    return -total
                if j == 5 and i == 3:
                    break
                total = total * mpf('1.01') + mpf('0.01') * x * j
        return total * exp(-x)
    def g(x):
        return f(x) + f(2 * x) * f(-x)
    write('nested_breaks', scalar('f', f, '1.1') + scalar('g', g, '0.6'))


def conditions():
    def energy(a):
        return a[0] * a[0] + a[1] * a[1] + a[2] * a[2]
    def step(a, x):
        a[0] = a[0] * mpf('0.7') + mpf('0.1') * x
        a[1] = sin(a[0] + a[1])
        a[2] = a[2] * x * mpf('0.5')
        return energy(a) > mpf('0.3')
    def f(x):
        a = [x, x * x, mpf(2)]
        n = 0
        while step(a, x) and n < 12 and (energy(a) < 50 or n < 2):
            n += 1
        return energy(a) + a[1] * n
    def g(x):
        slope = lambda t: 3 * t * t - 2
        y = x
        while abs(slope(y)) > mpf('0.4'):
            y = y - mpf('0.1') * slope(y) * x
        return y * y * x
    write('conditions', scalar('f', f, '0.8') + scalar('g', g, '1.6'))


def zero_and_one_trip():
    def run(x, n):
        s = x * x
        a = [x] * n
        for i in range(n):
            a[i] = a[i] * s
            s += sin(a[i])
        return s + sum(a)
    empty = lambda x: x + x * x
    write('zero_and_one_trip', scalar('none', lambda x: run(x, 0), '0.7') + scalar('once', lambda x: run(x, 1), '0.7') +
          scalar('twice', lambda x: run(x, 2), '0.7') + scalar('empty', empty, '0.7'))


def unused():
    y, z = mpf('1.5'), mpf(0)
    write('unused', [('none', [0, 0, 0, 0]), ('condition', [z, 2 * y, z]), ('trips', [z, 4 * y ** 3, z, 4 * y ** 3]),
                     ('index', [0, 0, 0, 2, 0]), ('integers', [2 * 111 * y, mpf(222)]), ('partly', [2 * y, 0, 0])])


def long_loop():
    x = mpf('0.5')
    f = lambda t: t * t * 499999500000 + t
    g = lambda t: 3 * t ** 3 * 100000 + 2 * t * t * 100000
    h = lambda t: (t + 100000 * t * t) ** 2
    jf, jg, jh = jet(f, x, 2), jet(g, x, 3), jet(h, x, 2)
    write('long_loop', [('f', [jf[0], jf[1], jf[1], jf[2]]), ('g', jg[1:] + jg[3:]), ('h', [jh[1], jh[2], jh[2]])])


def early_returns():
    def find(a, x):
        for p in a:
            for q in a:
                if p * q > x:
                    return p + q * x
        return None
    def pair(x, n):
        s = x
        for i in range(n):
            if s > 2:
                return s, x * i
            s = s * s + mpf('0.2') * x
        return x, s
    def f(x):
        a = [x, x * x, 2 * x, sin(x), mpf('1.5')]
        first, second = find(a, mpf('1.2')) or mpf(0), find(a, mpf(400))
        second = second * second if second is not None else x * x
        (p, q), (r, s) = pair(x, 10), pair(mpf('0.1') * x, 3)
        return first * second + p * q + r * s
    def rows(x, stop):
        a = [x, mpf(1), mpf(0)]
        for i in range(9):
            a[i % 3] = a[(i + 1) % 3] + a[(i + 2) % 3] * x
            if i == stop:
                return [t * t for t in a]
        return a
    def g(x):
        return sum(rows(x, 4)) + rows(x, 20)[1] * rows(x, 0)[0]
    write('early_returns', scalar('f', f, '1.1') + scalar('g', g, '0.6'))


def inactive_nan():
    x = mpf('0.7')
    jf, jg, z = jet(lambda t: log(t) * t, x, 2), jet(lambda t: t ** 3, x, 2), mpf(0)
    write('inactive_nan', [('f', jf + jf[1:]), ('g', jg + jg[1:]), ('h', [z] * 3 + [mpf(6), z]), ('k', [z, z, inf]), ('sqrt0', [z] * 3 + [mpf(2)]), ('root', [z])])


def random_walk():
    z = mpf(2)
    write('random_walk', [('chain', [1, 1, 2, 2]), ('same', [z ** 3, 3 * z * z, 6 * z, 6 * z]), ('stopped', [z * z, z * z, 0])])
