"""References of programs about arrays: overwriting, linear algebra, dynamic programming."""
from mpmath import mp, mpf, sin, cos, exp, log, sqrt, inf, diff
from mathematics import write, jet, scalar, vector, gradient, m


def rotating():
    def f(x):
        a, b = [x, mpf(1), x * x], [mpf('0.5'), x, mpf(2)]
        for i in range(7):
            a, b = list(b), list(a)
            b[i % 3] = a[(i + 1) % 3] * b[i % 3] + mpf('0.1') * x
            if i % 2 == 0:
                a = [a[1], a[2], a[0] * mpf('0.9')]
            if i == 4:
                b = list(a)
                b[0] = sin(b[1])
        return sum(p * q for p, q in zip(a, b)) + a[0] * b[2]
    def g(x):
        p, q = list(x), list(x)
        for k in range(3):
            old = list(p)
            p = [q[3 - i] * old[i] for i in range(4)]
            q = old
            q[k] = p[k + 1] + x[0]
        return sum(p) * q[2] + sum(s * t for s, t in zip(p, q))
    write('rotating', scalar('f', f, '0.7') + vector('g', g, ['0.4', '0.9', '-0.6', '1.2'], [1, '-0.5', 2, '0.3']))


def scatter():
    def f(x):
        a, i = [mpf(0)] * 5, 0
        for k in range(12):
            a[i] = a[i] * mpf('0.5') + x * (k + 1) * mpf('0.1')
            j = (i + 2) % 5
            a[j] = sin(a[i]) + a[j]
            i = int(abs(int(a[i] * 10))) % 5
        return a[0] * a[1] + a[2] * a[3] * a[4] + a[0]
    def g(x):
        a = [[mpf(0)] * 3 for _ in range(3)]
        for i in range(4):
            a[i % 3][(i * i) % 3] += x[i] * x[(i + 1) % 4]
            a[i % 3] = [v * mpf('1.5') for v in a[i % 3]]
        a[1] = [p + q for p, q in zip(a[0], a[2])]
        a[0][0] = x[3]
        a[2] = [p * p for p in a[1]]
        return sum(a[i][k] * a[k][j] for i in range(3) for j in range(3) for k in range(3))
    write('scatter', scalar('f', f, '0.73') + vector('g', g, ['0.4', '0.9', '-0.6', '1.2'], [1, '-0.5', 2, '0.3']))


def stencil():
    def f(x):
        u = list(x)
        for _ in range(3):
            for i in range(1, 5):
                u[i] = u[i - 1] / 4 + u[i] * u[i] / 2 + u[i + 1] / 4
            for i in range(4, 0, -1):
                u[i] += mpf('0.1') * sin(u[i + 1]) * u[i - 1]
            u[0] = u[5] * mpf('0.3')
        return sum(v * v for v in u)
    def heat(k):
        u = [mpf(0)] * 9
        u[4] = mpf(1)
        for _ in range(20):
            u = [u[0]] + [u[i] + k * (u[i - 1] - 2 * u[i] + u[i + 1]) for i in range(1, 8)] + [u[8]]
        return sum(v * v * i for i, v in enumerate(u))
    write('stencil', vector('f', f, ['0.4', '0.9', '-0.6', '1.2', '0.1', '0.8'], [1, '-0.5', 2, '0.3', '0.7', -1]) + scalar('heat', heat, '0.2'))


def matrix3(x):
    return [[4 + x, x * x, mpf('0.3')], [x * x, 3 + sin(x), -x], [mpf('0.3'), -x, mpf(5)]]


def determinant(a):
    if len(a) == 1:
        return a[0][0]
    return sum((-1) ** k * a[0][k] * determinant([r[:k] + r[k + 1:] for r in a[1:]]) for k in range(len(a)))


def solve(a, b):
    d = determinant(a)
    n = len(b)
    return [determinant([[b[i] if j == k else a[i][j] for j in range(n)] for i in range(n)]) / d for k in range(n)]


def product(a, b):
    return [[sum(p * q for p, q in zip(row, col)) for col in zip(*b)] for row in a]


def factorizations():
    def chol(x):
        a = matrix3(x)
        b = [mpf(1), x, mpf(2)]
        # y = L⁻¹ b, so y·y = b A⁻¹ b
        return sum(p * q for p, q in zip(b, solve(a, b))) + log(determinant(a))
    def lu(x):
        a = [[mpf('0.1') * x, mpf(2), x], [3 * x, mpf(1), mpf(-1)], [x * x, mpf(4), mpf('0.5')]]
        b = solve(a, [mpf(1), x, mpf(-2)])
        return b[0] + 2 * b[1] - b[2]
    def qr(x):
        q = [list(c) for c in zip(*matrix3(x))]
        r = [[mpf(0)] * 3 for _ in range(3)]
        for j in range(3):
            for k in range(j):
                r[k][j] = sum(s * t for s, t in zip(q[k], q[j]))
                q[j] = [t - r[k][j] * s for s, t in zip(q[k], q[j])]
            r[j][j] = sqrt(sum(t * t for t in q[j]))
            q[j] = [t / r[j][j] for t in q[j]]
        return r[0][0] * r[1][2] + r[2][2] * q[2][0] + sum(map(sum, q))
    def dets(x):
        rows = [[sin(x * (i + 2 * j)) + (2 if i == j else 0) for j in range(4)] for i in range(4)]
        a = matrix3(x)
        return determinant(rows) + a[1][0] * a[2][2] - a[1][2] * a[2][0]
    write('factorizations', scalar('chol', chol, '0.7') + scalar('lu', lu, '0.7') + scalar('qr', qr, '0.7') + scalar('dets', dets, '0.7'))


def sorting():
    values = lambda x: [sin(x), x * x, 1 - x, exp(-x), x / 2, cos(3 * x), x]
    f = lambda x: sum(v * v * (i + 1) for i, v in enumerate(sorted(values(x))))
    lines = scalar('quick', f, '0.7') + scalar('merge', f, '0.7') + scalar('library', f, '0.7') + scalar('bubble', f, '0.7')
    write('sorting', lines + [('ties', [100, 1, 1000, 10]), ('arg', m(0, 9, 3, 0) + m(0, 2, 1, 0))])


def logsumexp(xs):
    return log(sum((exp(x) for x in xs if x != -inf), mpf(0))) if any(x != -inf for x in xs) else -inf


def dynamic_programming():
    def f(x):
        y = [mpf('0.5'), mpf(1), x[1] * x[0], mpf('0.2')]
        d = [[mpf(0)] * 5 for _ in range(4)]
        for i in range(4):
            for j in range(5):
                if i == 0 or j == 0:
                    d[i][j] = mpf(i + j)
                else:
                    d[i][j] = -logsumexp([-d[i - 1][j] - 1, -d[i][j - 1] - 1, -d[i - 1][j - 1] - (x[i - 1] - y[j - 1]) ** 2])
        return d[3][4]
    def ctc(w):
        p = [[v - logsumexp(w[3 * t:3 * t + 3]) for v in w[3 * t:3 * t + 3]] for t in range(4)]
        labels = [0, 1, 0, 2, 0]
        a = [p[0][0], p[0][1], -inf, -inf, -inf]
        for t in range(1, 4):
            b = []
            for s in range(5):
                before = [a[s]]
                if s > 0:
                    before.append(a[s - 1])
                if s > 1 and labels[s] != 0 and labels[s] != labels[s - 2]:
                    before.append(a[s - 2])
                b.append(logsumexp(before) + p[t][labels[s]])
            a = b
        return -logsumexp(a[3:])
    def viterbi(w):
        best = [mpf(0), -inf, -inf]
        for t in range(2):
            best = [max(best[i] + w[(i + j) % 4] * w[t] for i in range(j + 1)) for j in range(3)]
        return max(best)
    w = ['0.1', '-0.3', '0.8', '1.2', '0.4', '-0.7', '0', '0.9', '0.2', '-1.1', '0.6', '0.5']
    v = [1, '0.5', -1, '0.25', 2, '-0.75', '0.3', 1, '-0.2', '0.6', 0, 1]
    lines = vector('f', f, ['0.4', '0.9', '0.3'], [1, '-0.5', 2]) + vector('ctc', ctc, w, v)
    lines += vector('viterbi', viterbi, ['0.4', '0.9', '0.6', '1.2'], [1, '-0.5', 2, '0.3'])
    write('dynamic_programming', lines + [('tie', [mpf(2), 3, 1, 0, 0])])


def kalman():
    def likelihood(theta):
        q, r = exp(theta[0]), exp(theta[1])
        a = [[mpf(1), theta[2]], [mpf(0), mpf('0.9')]]
        ys = [m('0.1', '0.3'), m('0.4', '0.1'), m('0.7', '-0.2'), m('0.8', 0)]
        x, p, total = m(0, 0), [m(1, 0), m(0, 1)], mpf(0)
        for y in ys:
            x = [sum(s * t for s, t in zip(row, x)) for row in a]
            p = product(product(a, p), list(zip(*a)))
            p = [[p[0][0] + q, p[0][1]], [p[1][0], p[1][1] + q]]
            s = [[p[0][0] + r, p[0][1] + r / 10], [p[1][0] + r / 10, p[1][1] + 2 * r]]
            d = s[0][0] * s[1][1] - s[0][1] * s[1][0]
            si = [[s[1][1] / d, -s[0][1] / d], [-s[1][0] / d, s[0][0] / d]]
            e = [y[i] - x[i] for i in range(2)]
            total += (sum(e[i] * si[i][j] * e[j] for i in range(2) for j in range(2)) + log(d)) / 2
            k = product(p, si)
            x = [x[i] + sum(k[i][j] * e[j] for j in range(2)) for i in range(2)]
            kp = product(k, p)
            p = [[p[i][j] - kp[i][j] for j in range(2)] for i in range(2)]
        return total
    write('kalman', vector('likelihood', likelihood, ['-1', '-0.5', '0.4'], [1, '-0.5', 2]))


def matrix_recursions():
    a = lambda x: [[x, mpf('0.5')], [-x * x, mpf('0.3')]]
    def power(x):
        p = a(x)
        for _ in range(12):
            p = product(p, a(x))
        return sum(map(sum, p))
    def exponential(x):
        term = [m(1, 0), m(0, 1)]
        s = term
        for k in range(1, 80):
            term = [[v / k for v in row] for row in product(term, a(x))]
            s = [[p + q for p, q in zip(r, t)] for r, t in zip(s, term)]
        return s[0][0] * s[1][1] + s[0][1]
    def listed(x):
        ms = [a(x), [list(c) for c in zip(*a(x))]]
        for i in range(2, 6):
            p = product(ms[i - 1], ms[i - 2])
            ms.append([[p[r][c] * mpf('0.7') + ms[i - 2][r][c] for c in range(2)] for r in range(2)])
            if i == 3:
                ms[1][0][1] = ms[2][1][0] * x
        return sum(q[0][0] * q[1][1] - q[0][1] for q in ms) * sum(map(sum, ms[-1]))
    write('matrix_recursions', scalar('power', power, '0.9') + scalar('exponential', exponential, '0.9') + scalar('listed', listed, '0.9'))


def fft():
    def spectrum(x):
        s = mpf(0)
        for k in range(8):
            re = sum(v * v * cos(2 * mp.pi * k * j / 8) + v / 2 * sin(2 * mp.pi * k * j / 8) for j, v in enumerate(x))
            im = sum(-v * v * sin(2 * mp.pi * k * j / 8) + v / 2 * cos(2 * mp.pi * k * j / 8) for j, v in enumerate(x))
            s += (re * re + im * im) * (k + 1) / 100
        return s
    write('fft', vector('spectrum', spectrum, ['0.4', '0.9', '-0.6', '1.2', '0.1', '-0.8', '0.5', '0.3'], [1, '-0.5', 2, '0.3', '0.7', -1, 1, 2]))
