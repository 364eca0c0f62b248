"""References of programs about data: structs, enums, lists, closures, models."""
from copy import deepcopy
from mpmath import mp, mpf, sin, cos, exp, tanh, diff
from mathematics import write, jet, scalar, vector, gradient, m


def ragged_structs():
    def build(x):
        return {'cells': [{'w': [x * j + mpf('0.3') for j in range(i)], 'at': [x * i, mpf(1)], 'count': i} for i in range(4)], 'scale': x}
    def relax(g, x):
        c = g['cells']
        for r in range(3):
            for i in range(1, 4):
                for j in range(len(c[i]['w'])):
                    c[i]['w'][j] = sin(c[i]['w'][j]) * g['scale'] + c[i - 1]['at'][1] * mpf('0.2')
                    c[i]['at'][j % 2] += c[i]['w'][j] * x
                if c[i]['at'][1] > 2:
                    c[i - 1]['w'].append(c[i]['at'][1] * mpf('0.1'))
            g['scale'] = g['scale'] * mpf('0.8') + mpf('0.1') * c[r]['at'][0]
    def total(g):
        return g['scale'] + sum(sum(v * v for v in c['w']) + c['at'][0] * c['at'][1] * c['count'] for c in g['cells'])
    def f(x):
        g = build(x)
        before = deepcopy(g)
        relax(g, x)
        h = deepcopy(g)
        h['cells'][2] = deepcopy(before['cells'][3])
        h['cells'][1]['at'] = list(g['cells'][3]['at'])
        relax(h, x / 2)
        return total(g) + total(h) / 2 + total(before)
    def matrix_of_lists(x):
        rows, l = [[x, x * x], [mpf(1), 2 * x]], []
        for i in range(3):
            l.append(deepcopy(rows))
            rows[i % 2][1] = l[i][1][0] * rows[0][0] + x
            l[i][0] = list(rows[1])
        return sum(q[0][0] * q[1][1] - q[0][1] * x for q in l)
    write('ragged_structs', scalar('f', f, '0.7') + scalar('matrix_of_lists', matrix_of_lists, '0.7'))


def tree_network():
    def f(p):
        left, right, words = [p[0:2], p[2:4]], [p[4:6], p[6:8]], [p[8:10], p[10:12], p[12:14]]
        def encode(t):
            if isinstance(t, int):
                return words[t]
            a, b = encode(t[0]), encode(t[1])
            return [tanh(sum(left[i][k] * a[k] + right[i][k] * b[k] for k in range(2))) for i in range(2)]
        e = encode(((0, 1), (2, (1, 1))))
        return e[0] * e[0] - e[1]
    p = ['0.4', '0.9', '-0.6', '1.2', '0.1', '-0.8', '0.5', '0.3', '0.7', '-0.2', '0.25', '0.6', '-0.9', '0.15']
    write('tree_network', vector('f', f, p, [1, '-0.5', 2, '0.3', '0.7', -1, 1, 2, '0.1', '-0.4', '0.6', 1, '-0.3', '0.5']))


def values_in_trees():
    def insert(h, k):
        if h is None:
            return (k, 1, None, None)
        key, size, left, right = h
        if k < key:
            return (key, size + 1, insert(left, k), right)
        return (key + k / 10, size + 1, left, insert(right, k * mpf('0.9')))
    def fold(h, depth):
        if h is None:
            return mpf(0)
        key, size, left, right = h
        if size > 2:
            return key * key * depth + fold(left, depth / 2) * fold(right, depth + key)
        return sin(key) + depth * fold(left, mpf(1))
    def f(x):
        h = None
        for i in range(9):
            h = insert(h, sin(x * (i * i % 7)) + x)
        return fold(h, mpf(1))
    def rotate(h):
        if h is None or h[3] is None:
            return h
        a, n, l, (b, k, p, q) = h
        return (b * a, n, (a, k, l, p), rotate(q))
    def g(x):
        h = None
        for k in [x, mpf('0.3'), x * x, 2 * x, mpf('1.7')]:
            h = insert(h, k)
        return fold(rotate(h), mpf(1)) * fold(h, x)
    write('values_in_trees', scalar('f', f, '0.7') + scalar('g', g, '0.8'))


def mutual_recursion():
    tenth = mpf(1) / 10
    def even(a, x, n):
        if n <= 0:
            return a[0]
        a[n % 4] = a[(n + 1) % 4] * x + tenth
        r = odd(a, x * 9 / 10, n - 1)
        a[0] = a[0] + r / 5
        return r * a[n % 4]
    def odd(a, x, n):
        if n <= 0:
            return a[1] * x
        s = mpf(0)
        for k in range(2):
            s += even(a, x + tenth * k, n - 1 - k)
            a[k] = sin(a[k + 1] * s)
        return s + x
    def f(x):
        a = [x, mpf(1), x * x, mpf('0.5')]
        r = even(a, x, 6)
        return r + sum(v * v for v in a)
    def ackermann(k, n, x):
        if k == 0:
            return x * (n + 1) / 10 + sin(x)
        if n == 0:
            return ackermann(k - 1, 1, x * mpf('0.99'))
        return ackermann(k - 1, n - 1, x + ackermann(k, n - 1, x) / 100)
    write('mutual_recursion', scalar('f', f, '0.6') + scalar('g', lambda x: ackermann(2, 2, x), '0.6'))


def kept_pullbacks():
    def f(x):
        slopes, total = [], mpf(0)
        for i in range(4):
            k, t = x + i, x / 2
            total += (sin(t * k) * t + k) / 10
            slopes.append(cos(t * k) * k * t + sin(t * k))
        seed = mpf(1)
        for i in range(3, -1, -1):
            seed = slopes[i] * seed * x / 2
            total += seed + slopes[(i + 1) % 4] * x
        return total
    def g(x):
        a, fs = [x, mpf(2), x * x], []
        for i in range(3):
            fs.append(lambda t, k=a[i], b=a[0]: t * k + b)
            a[0] = a[0] + a[i] * mpf('0.3')
        fs.append(lambda t: sum(sin(v * t) for v in a))
        y = x
        for _ in range(2):
            for q in fs:
                y = q(y) / 2
        return y + fs[1](x) * a[0]
    def k(x):
        c = lambda t: exp(-sin(t * x) ** 2) + x
        d = lambda t: exp(-sin(t * x) ** 2) * -2 * sin(t * x) * cos(t * x) * x
        return c(x) * c(mpf('0.3')) + d(mpf('0.4')) * x
    write('kept_pullbacks', scalar('f', f, '0.6') + scalar('g', g, '0.6') + scalar('k', k, '0.6'))


def four_levels():
    # Closed forms of the inner derivatives, so that only one is left to be taken numerically.
    def low(w, x, y, z):
        a, b, c = w * x, y * z, x + w * y
        da, dc = x, y
        return cos(a * b) * b * da * c + sin(a * b) * dc + 2 * a * da * b * c * c + 2 * a * a * b * c * dc
    def f(x):
        s = mpf(0)
        for i in range(1, 3):
            s += outer(lambda y, z: sum(low(mpf(3) / 10 * j, x, y, z) * z * x for j in range(1, 3)), mpf(i) / 5, x / 2)
        return s
    def outer(mid, shift, y0):
        """d/dy of y · ∂mid/∂z(y, shift + y)"""
        by_z = lambda y: diff(lambda z: mid(y, z), shift + y)
        return diff(lambda y: y * by_z(y), y0)
    def by_captured(x):
        a = x * x
        q = lambda b, z: cos(mpf('0.7') * b * z * x) * b * z * x * a
        dq = lambda b, z: diff(lambda t: q(b, t), z)
        p = lambda y: q(a * y, y) + dq(a * y, mpf('0.6'))
        return p(mpf('0.4')) + diff(p, mpf('0.8'))
    def forward_inside(x):
        d = lambda y: exp(y * x * x) * x * y * y
        dd = lambda y: exp(y * x * x) * (x ** 3 * y * y + 2 * x * y)
        return dd(mpf('0.5')) + dd(mpf('0.6')) * x
    mp.dps = 200
    lines = scalar('f', f, '0.7') + scalar('by_captured', by_captured, '0.7') + scalar('forward_inside', forward_inside, '0.7')
    mp.dps = 60
    write('four_levels', lines)


def operators_inside():
    def hess(q, k):
        a, b = q
        s, c = sin(a * b), cos(a * b)
        return [[2 * k * b - b * b * s, 2 * k * a + c - a * b * s], [2 * k * a + c - a * b * s, -a * a * s + k * k]]
    def slope(q, k):
        a, b = q
        return [2 * k * a * b + b * cos(a * b), k * a * a + a * cos(a * b) + b * k * k]
    def f(k):
        h = hess([k, mpf('0.5')], k)
        return h[0][0] * h[1][1] - h[0][1] ** 2
    def g(k):
        r, t = k * k, k
        j = [[cos(t), -r * sin(t)], [sin(t), r * cos(t)]]
        h = hess([mpf('0.3'), k], k)
        v = [h[0][0] + k * h[0][1], h[1][0] + k * h[1][1]]
        d = hess([k, k], k)
        return sum(j[i][l] * v[l] * v[i] for i in range(2) for l in range(2)) + d[0][0] + d[1][1]
    def newton(k):
        q = m('0.5', '-0.3')
        for _ in range(3):
            s, h = slope(q, k), hess(q, k)
            s = [s[0] + 4 * q[0] + 1, s[1] + 4 * q[1]]
            h = [[h[0][0] + 4, h[0][1]], [h[1][0], h[1][1] + 4]]
            d = h[0][0] * h[1][1] - h[0][1] ** 2
            q = [q[0] - (h[1][1] * s[0] - h[0][1] * s[1]) / d, q[1] - (h[0][0] * s[1] - h[1][0] * s[0]) / d]
        return q[0] * q[1]
    def laplacian(x):
        r = sum(v * v for v in x)
        u = exp(-r) * x[0]
        # Δ(e^{-r²} x₀) = e^{-r²} x₀ (4r² - 2·3 - 4), x·∇u = u (1 - 2r²)
        return u * (4 * r - 10) + u * (1 - 2 * r)
    lines = scalar('f', f, '0.7') + scalar('g', g, '0.7') + scalar('newton', newton, '0.7')
    write('operators_inside', lines + vector('laplacian', laplacian, ['0.4', '-0.3', '0.7'], [1, 2, '-0.5']))


def enum_states():
    def f(x):
        s, path = ('start',), []
        while True:
            if s[0] == 'start':
                s = ('run', x / 10, x)
            elif s[0] == 'run':
                s = ('bounce', s[2] * s[1], 2) if s[1] > 1 else ('run', s[1] + mpf('0.3') * s[2], s[2] * mpf('0.95') + s[1] / 100)
            elif s[0] == 'bounce':
                s = ('done', s[1] * x) if s[2] == 0 else ('bounce', sin(s[1]) * s[1] + mpf('0.2'), s[2] - 1)
            path.append(s)
            if s[0] == 'done' or len(path) > 30:
                break
        return sum({'run': lambda s: s[1] * s[2], 'bounce': lambda s: s[1] * s[2], 'done': lambda s: s[1] ** 2}[p[0]](p) for p in path)
    def g(x):
        s = mpf(0)
        for n in range(6):
            v = x * n
            s += x ** 3 if n > 3 else v * v * x if v > mpf('0.5') else 2 * v * x
        return s
    write('enum_states', scalar('f', f, '1.1') + scalar('g', g, '0.4'))


def tuples_and_swaps():
    def f(x):
        a, b0, b1 = [x, mpf('0.5')], x * x, [x, mpf(1)]
        acc0, acc1 = mpf(0), m(0, 1)
        for i in range(4):
            t = x + mpf(i) / 10
            qa = [b0 * t, a[1]]
            q1 = [a[1] + t] + b1[1:] + [t * qa[0]]
            s, v = a[0] * t, [b0, b1[0]]
            a, b0, b1 = qa, a[0] * v[1], q1
            acc0, acc1 = acc0 + s * v[0], [acc1[1], acc1[0] + v[1] * acc0]
        return acc0 + acc1[0] * acc1[1] + sum(a) + b1[-1]
    def g(x):
        a = (x, mpf(1))
        for _ in range(7):
            a = (a[1], a[0] * x + a[1])
        return a[0] * a[1] + a[0]
    write('tuples_and_swaps', scalar('f', f, '0.7') + scalar('g', g, '0.7'))


def nested_models():
    def run(ws, b, scale, x):
        h = x
        for w in ws:
            z = [tanh(w[2 * i] * h[0] + w[2 * i + 1] * h[1] + b[i]) / 2 for i in range(2)]
            h = [z[i] + h[i] * scale for i in range(2)]
        return h[0] ** 2 + h[1] ** 2
    def f(p):
        return run([[(i + 1) * v for v in p[:4]] for i in range(3)], p[4:6], p[0], m('0.3', '-0.8'))
    def norm_of_gradient(p):
        # Backpropagation by hand.
        x = m('0.5', 1)
        hs, zs, ws = [x], [], [[(i + 1) * v for v in p[:4]] for i in range(2)]
        for w in ws:
            h = hs[-1]
            z = [tanh(w[2 * i] * h[0] + w[2 * i + 1] * h[1] + p[4 + i]) for i in range(2)]
            zs.append(z)
            hs.append([z[i] / 2 + h[i] * p[0] for i in range(2)])
        bar, scale, s = [2 * v for v in hs[-1]], mpf(0), mpf(0)
        for w, z, h in reversed(list(zip(ws, zs, hs))):
            d = [bar[i] / 2 * (1 - z[i] ** 2) for i in range(2)]
            s += sum(v * v for v in d) * (1 + h[0] ** 2 + h[1] ** 2)
            scale += bar[0] * h[0] + bar[1] * h[1]
            bar = [bar[k] * p[0] + d[0] * w[k] + d[1] * w[2 + k] for k in range(2)]
        return s + scale ** 2
    p, v = ['0.4', '0.9', '-0.6', '0.2', '0.1', '-0.8'], [1, '-0.5', 2, '0.3', '0.7', -1]
    write('nested_models', vector('f', f, p, v) + vector('norm_of_gradient', norm_of_gradient, p, v))
