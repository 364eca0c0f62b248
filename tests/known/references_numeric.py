"""References of numerical programs: special functions, equations, integration, accuracy."""
from mpmath import mpf, sin, cos, exp, log, sqrt, tanh, asin, acos, atan, atanh, erf, expm1
from mpmath import besselj, gammainc, zeta, ellipk, findroot, lambertw, cbrt
from mathematics import write, jet, scalar, vector, gradient, m


def special_functions():
    lines = scalar('j2', lambda x: besselj(2, x), '1.7')
    lines += scalar('gamma_by_fraction', lambda x: gammainc(mpf('2.5'), x), '6.5') + scalar('erf_series', erf, '0.9')
    write('special_functions', lines + scalar('zeta', lambda s: zeta(s), '2.5') + scalar('agm', lambda k: ellipk(k * k), '0.6'))


def roots():
    kepler = lambda e: findroot(lambda x: x - e * sin(x) - mpf('0.8'), mpf('1.2'))
    point = lambda a: a * findroot(lambda z: cos(a * z) / 2 + mpf('0.1') - z, mpf('0.5'))
    lines = scalar('kepler', kepler, '0.4') + scalar('lambert', lambda y: lambertw(y).real, '2.5')
    lines += scalar('cube_root_by_steps', lambda a: cbrt(a), '2.7') + scalar('cosine_point', point, '1.3')
    write('roots', lines + scalar('fraction', atan, '0.7'))


def integration():
    def field(y, k):
        return [y[1], (1 - y[0] * y[0]) * y[1] * k - y[0]]
    def plus(y, h, a):
        return [p + h * q for p, q in zip(y, a)]
    def rk4(k):
        y, h = [mpf(1), k / 2], mpf('0.1')
        for _ in range(20):
            a = field(y, k)
            b = field(plus(y, h / 2, a), k)
            c = field(plus(y, h / 2, b), k)
            d = field(plus(y, h, c), k)
            y = [y[i] + h / 6 * (a[i] + 2 * b[i] + 2 * c[i] + d[i]) for i in range(2)]
        return y[0] ** 2 + y[1]
    def adaptive(k):
        y, t, h, rejected = [mpf(1), k], mpf(0), mpf('0.5'), 0
        while t < mpf('1.5'):
            if t + h > mpf('1.5'):
                h = mpf('1.5') - t
            a = field(y, k)
            b = field(plus(y, h, a), k)
            e = sqrt(sum((p - q) ** 2 for p, q in zip(a, b))) * h / 2
            if e > mpf('0.02'):
                rejected += 1
                h /= 2
                continue
            y = [y[i] + h / 2 * (a[i] + b[i]) for i in range(2)]
            t += h
            h = min(h * mpf('1.3'), mpf('0.3'))
        return y[0] + y[1] * rejected
    def verlet(k):
        q, p = [mpf(1), mpf(0)], [mpf(0), k]
        norm = lambda v: sqrt(v[0] ** 2 + v[1] ** 2)
        for _ in range(30):
            p = plus(p, -mpf('0.05') / norm(q) ** 3, q)
            q = plus(q, mpf('0.1'), p)
            p = plus(p, -mpf('0.05') / norm(q) ** 3, q)
        return (p[0] ** 2 + p[1] ** 2) / 2 - 1 / norm(q) + q[1]
    def implicit(k):
        y = mpf(1)
        for _ in range(10):
            z = y
            for _ in range(40):
                z = y + (-k * z + sin(z)) / 10
            y = z
        return y
    write('integration', scalar('rk4', rk4, '0.6') + scalar('adaptive', adaptive, '0.9') + scalar('verlet', verlet, '1.1') + scalar('implicit', implicit, '0.8'))


def accuracy():
    total = lambda xs: sum(exp(v) for v in xs)
    some = m(1, -2, '0.5', '0.2', '0.3', '0.4', '0.9', '0.1', 0, '0.7', '-0.3')
    # Powers of two where the derivative is sensitive to the argument, whose decimal text is not what the program computes with.
    programs = [('tanh_far', tanh, 12), ('asin_small', asin, '0.0009765625'), ('atanh_small', atanh, '0.0009765625'),
                ('acos_near_one', acos, '0.9990234375'), ('long_side', lambda x: sqrt(x * x + 1), '300'),
                ('short_side', lambda x: sqrt(40000 + x * x), '0.7'),
                ('peaked', lambda x: exp(x) / total([x, mpf(1), mpf(-2), x / 2]), 18), ('peaked_sum', lambda x: log(total([x, mpf(1), mpf(-2), mpf('0.5')])), 18),
                ('many', lambda x: exp(x) / total([x] + some), 18), ('many_sum', lambda x: log(total([x] + some)), 18),
                ('sigmoid_far', lambda x: 1 / (1 + exp(-x)), 25), ('softplus_far', lambda x: log(1 + exp(x)), -25),
                ('erf_tail', erf, '4.5'), ('little', lambda x: expm1(x) * log(1 + x), '0.0009765625'),
                ('large', lambda x: exp(1001) / total([1000 * x, mpf(1001), mpf('999.5')]) + log(total([1000 * x, mpf(1001), mpf('999.5')])), '1.0009765625'),
                ('angle', lambda x: atan(x / mpf('1e-3')) + atan(mpf('1e-4') / x), '0.25'),
                
                ('power', lambda x: x ** mpf('1e-3') + (1 + x) ** x + x ** -3, '0.75'), ('with_nothing', lambda x: x, '0.5')]
    write('accuracy', sum((scalar(*p) for p in programs), []))


def f32s():
    x = mpf('0.5')
    f = [x * (x / 2 + x * x) + 3, x + 3 * x * x, 1 + 6 * x, x + 3 * x * x, 1 + 6 * x]
    y = mpf('1.5')
    write('f32s', [('f', f), ('g', [y ** 3 - 2 * y, 3 * y * y - 2, 6 * y, 6, 6 * y]),
                   ('h', [mpf('6.5') / 4] + m('0.25', '0.5', '0.75', '6.5')), ('back', [mpf('6.5') / 4] + m('0.5', 1, '1.5', 13))])


def kinks_of_arrays():
    write('kinks_of_arrays', [
        ('norm', [0] * 5), ('hypot', [0, 0, -1, 0]), ('relu', [0, 0, 1]), ('abs', [2, 0, 4, -2, 0, 2]), ('clamp', [0, 1, 1, 1]),
        ('tie', [0, 2, 0, 3, 0, 1, 0, 1]), ('pairs', [0, 1, 1, 1, 0, 0]), ('pow', [0, 0, 6, 1, 0]), ('pow_negative', [12, -12, mpf(1) / 4, 0]),
        ('pow_exponent', [0, 0, 0]), ('both', [2, 2]), ('root', [0, 0]), ('sort', [2, 3, 1, 4]), ('axis', [3, 0, 2, 0, 2, 1]),
        ('prod', [6, 0, 0, 0, 0, 0, 3, 3, 0]), ('stop', [4, 0, 1, 2]), ('rounded', [7, 2, 1, -3])])
