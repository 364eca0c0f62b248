"""References of programs that are built of other programs: interpreters, sorting, closures in structs, operators in loops."""
from mpmath import mpf, mp, sin, cos, exp, log, tanh, diff, psi, gamma
from mathematics import write, scalar, vector, partial, m


def interpreters():
    def evaluate(e, x, env):
        kind = e[0]
        if kind == 'num':
            return e[1]
        if kind == 'x':
            return x
        if kind == 'let':
            return evaluate(e[2], x, env + [evaluate(e[1], x, env)])
        if kind == 'arg':
            return env[len(env) - 1 - e[1]]
        if kind == 'call':
            s = mpf(1)
            for a in e[1]:
                v = evaluate(a, x, env)
                if v > 10:
                    return s
                s = s * v + sin(v)
            return s
        p, q = evaluate(e[1], x, env), evaluate(e[2], x, env)
        return {'+': lambda: p + q, '*': lambda: p * q, '/': lambda: p / q, 'pow': lambda: p ** q}[kind]()
    x, first, second = ('x',), ('arg', 0), ('arg', 1)
    call = ('call', [second, first, ('*', x, x), ('num', mpf(11)), first])
    tree = ('let', ('*', x, ('num', mpf('1.5'))), ('+', ('pow', first, x), ('let', ('/', first, x), call)))

    def machine(x):
        st, pc = [x], 0
        code = [('dup',), ('mul',), ('push', mpf('1.5')), ('add',), ('jump', 0), ('push', mpf('0.25')), ('mul',), ('ret',)]
        for _ in range(40):
            op = code[pc]
            if op[0] == 'push':
                st.append(op[1] * x)
            elif op[0] == 'add':
                st.append(st.pop() + st.pop())
            elif op[0] == 'mul':
                st.append(st.pop() * st.pop())
            elif op[0] == 'dup':
                st.append(st[-1])
            elif op[0] == 'jump':
                if st[-1] < 30:
                    pc = op[1]
                    continue
            else:
                return st.pop()
            pc += 1
        return mpf(-1)

    def step(x, s):
        return ('big', s) if s > 2 else x * x + s

    def results(x):
        a = step(x, 1)
        b = step(a * x, 2)
        return x ** 3 if b > 50 else a * b
    lines = scalar('tree', lambda t: evaluate(tree, t, []), '0.8') + scalar('machine', machine, '1.1')
    write('interpreters', lines + scalar('result', results, '0.7') + scalar('failed', results, '3'))


def divide_and_conquer():
    def product(x):
        if len(x) == 1:
            return sin(x[0])
        h = len(x) // 2
        a, b = product(x[:h]), product(x[h:])
        return a * b + a - b * b / 2

    def sorted_sum(x):
        t = mpf(1)
        for k, v in enumerate(sorted(x)):
            t = t / 2 + v * v * (k + 1)
        return t

    def tree(x):
        values, v = [], x
        for _ in range(9):
            v = mpf('3.7') * v * (1 - v)
            values.append(v)
        acc = mpf(0)
        for k in sorted(values):
            acc = acc * mpf('0.7') + k
        return acc

    def even(n, x):
        if n == 0:
            return x
        y = odd(n - 1, x * mpf('1.1'))
        return y * y * mpf('0.3') + x

    def odd(n, x):
        if n == 0:
            return mpf(1)
        if x > 2:
            return even(n - 1, x - 1)
        return even(n - 1, sin(x)) * x + even(n // 2, x / 2)

    def branching(x, d):
        if d == 0:
            return x
        s = mpf(0)
        for i in range(d):
            t = branching(x / 2 + i, d - 1)
            if t > 3:
                break
            s += t * x
        return s
    at, along = ['0.3', '0.9', '-0.4', '0.7', '0.2'], ['1', '-2', '0.5', '0.1', '0.4']
    lines = scalar('search_tree', tree, '0.31') + scalar('mutual', lambda x: even(9, x) + odd(6, x), '0.9')
    lines += scalar('branching', lambda x: branching(x, 4), '0.7')
    lines += vector('halves', lambda x: product(x) * product(x[1:4]), at, along)
    write('divide_and_conquer', lines + vector('merge_sort', sorted_sum, at, along))



def closures_in_structs():
    def acts(x):
        fs = [lambda t: tanh(t) * x, lambda t: (t * x + 1) * 2, lambda t: exp(-t * t) * x * x]
        y = x
        for i in [2, 0, 1, 1, 0]:
            y = fs[i](y) + y / 10
        return y

    def made(x):
        def maker(k):
            return lambda t: (k * cos(k * t) * t + sin(k * t)) * k
        f = maker(x)
        g = maker(f(mpf('0.3')))
        slope = (2 * x * cos(x * x) - x * x * x * sin(x * x)) * x
        return g(x) + slope

    def table(x):
        def run(fs, k, t):
            return fs[k](t)
        old = [lambda t: t + 1, lambda t: t * x, lambda t: -t]
        new = [lambda t: old[0](t) * old[1](t), old[1], old[2]]
        s = x
        for r in range(4):
            s = run(new, (r * 2) % 3, s) + mpf('0.3')
        return s

    def curried(x):
        def at(a, b, c):
            return a * b * c + sin(a + b * c)
        by_c = x * x * x + cos(x + x * x * x) * x * x
        by_b = x / 2 + cos(x + x / 2) / 2
        return at(x, x * x, mpf(2)) + by_c + by_b

    def layers(x):
        def last(t):
            return t * x + sin(t) * (x + x + 1 + x + 2)
        k = 3 * x + 3
        return (x + k * cos(x)) + last(mpf('0.5')) * (-k * sin(mpf('0.2')))
    lines = scalar('acts', acts, '0.7') + scalar('made', made, '0.8') + scalar('table', table, '0.6')
    write('closures_in_structs', lines + scalar('curried', curried, '0.5') + scalar('layers', layers, '0.6'))


def operators_in_loops():
    def descent(x):
        w = [x, mpf('0.5')]
        for _ in range(3):
            g = [2 * w[0] * w[1] + w[0], w[0] ** 2 + cos(w[1] * x) * x + w[1]]
            w = [a - x * b / 10 for a, b in zip(w, g)]
            for k in range(2):
                e = exp(w[1])
                h = [e * g[1], e * g[0] + w[0] * e * g[1]]
                w[k] += h[k] / 100
        return w[0] ** 2 + w[1] ** 2

    def accumulated(x):
        acc, s, w = [mpf(0)] * 3, mpf(0), [x, mpf('0.5'), x * x]
        for k in range(4):
            t = mpf('0.3') + k
            g = [2 * v * t for v in w]
            g[0] += w[k % 3] * x
            g[k % 3] += w[0] * x
            acc = [a + b for a, b in zip(acc, g)]
            s += (sum(v * v for v in w) * t + w[0] * w[k % 3] * x) * acc[k % 3]
        return s + sum(acc)

    def pulled(x):
        total, w = mpf(0), [x, mpf(1), x * x]
        for i in range(3):
            j = (i + 1) % 3
            v = [w[i] * w[j], sum(w) * x]
            for k in range(2):
                g = [x * x] * 3
                g[i] += v[k] * w[j]
                g[j] += v[k] * w[i]
                total += sum(a * a for a in g) / 10
                if total > 20:
                    break
        return total

    def newton(x):
        a, b = x, mpf('0.5')
        for _ in range(3):
            g = [-2 * (1 - a) - 20 * a * (b - a * a), 10 * (b - a * a)]
            h = [2 - 20 * b + 60 * a * a, -20 * a, mpf(10)]
            det = h[0] * h[2] - h[1] * h[1]
            a -= (h[2] * g[0] - h[1] * g[1]) / det / 2
            b -= (h[0] * g[1] - h[1] * g[0]) / det / 2
        return (1 - a) ** 2 + 5 * (b - a * a) ** 2 + a

    def tower(x):
        def low(a, b):
            c = a + b
            return a * b * cos(a * b * c) + 2 * c * x
        def mid(a):
            return diff(lambda b: b * x * low(a, b), a * x)
        return diff(lambda a: a * mid(a), x)
    lines = scalar('descent', descent, '0.9') + scalar('accumulated', accumulated, '0.7')
    lines += scalar('pulled', pulled, '0.9') + scalar('newton', newton, '1.4')
    write('operators_in_loops', lines + scalar('tower', tower, '0.5'))


def places():
    def fields(x):
        ps = [[x * i, [x, mpf(1) + i]] for i in range(3)]
        keep = [[p[0], list(p[1])] for p in ps]
        for i in range(3):
            ps[i][0] = ps[i][0] * x + ps[(i + 1) % 3][1][1]
            ps[i][1][0] += ps[i][0]
        return sum(p[0] * p[1][0] for p in ps) * x * 2 + sum(p[0] * p[1][0] for p in keep) * x

    def ragged(x):
        ll = [[x * (j + 1) + i for j in range(i)] for i in range(4)]
        old = [list(l) for l in ll]
        ll[2][1] = ll[3][0] * ll[3][2]
        ll[3].append(ll[2][1] * x)
        ll[0].append(x)
        s = sum(sin(v) * v for l in ll for v in l) - sum(cos(v) for l in old for v in l)
        return s + ll[3].pop() + len(ll[3])

    def inside(x):
        a, l = [x, 2 * x, mpf('0.3')], []
        b = list(a)
        def modify(k):
            for i in range(3):
                a[i] *= k
                l.append(a[i])
            if a[0] > 1:
                a[1] = mpf(0)
                return a[2]
            return a[0] + l[0]
        s = sum(modify(x + i) for i in range(3))
        for v in l:
            s = s * mpf('0.9') + v * v
        return s + sum(p * q for p, q in zip(a, b))

    def slices(x):
        y, n = list(x), 5
        for i in range(4):
            y[i], y[i + 1] = y[i + 1], y[i] * y[i + 1]
        for i in range(1, 4):
            y[i] *= 2
        y[2:5] = [p + q for p, q in zip(y[2:5], y[0:3])]
        z = [[mpf(0)] * n for _ in range(3)]
        z[0] = list(y)
        z[1][1:3] = y[3:5]
        z[2] = [p * q for p, q in zip(x, y)]
        p = z[0][0:2] + z[2][3:5]
        products = sum(sum(a * b for a, b in zip(row, x)) for row in z)
        return products + sum(v * v for v in p) + sum(max(min(v, 1), -1) * abs(w) for v, w in zip(y, x))
    lines = scalar('fields', fields, '0.8') + scalar('ragged', ragged, '0.55') + scalar('inside', inside, '0.4')
    write('places', lines + vector('slices', slices, ['0.3', '0.9', '-0.4', '0.7', '1.3'], ['1', '-2', '0.5', '0.1', '0.3']))


def smooth():
    logistic = lambda x: 1 / (1 + exp(-x))
    softplus = lambda x: log(1 + exp(x))
    gammas = lambda x: log(abs(gamma(x)))
    lines = []
    for name, at in [('near', 2 ** -20), ('left', -40), ('right', 3)]:
        lines += scalar('sigmoid_' + name, logistic, at) + scalar('softplus_' + name, softplus, at)
        lines += scalar('silu_' + name, lambda x: x * logistic(x), at)
    lines += scalar('lgamma', gammas, '2.5') + scalar('lgamma_small', gammas, 2 ** -10) + scalar('lgamma_left', gammas, '-1.25')
    lines += scalar('digamma', lambda x: psi(0, x), '1.5') + scalar('digamma_left', lambda x: psi(0, x), '-0.625')
    lines += scalar('trigamma', lambda x: psi(1, x), '0.75') + scalar('polygamma', lambda x: psi(4, x), '3.5')
    write('smooth', lines + scalar('erfc', mp.erfc, '2.25'))


def hessian_blocks():
    def f(v):
        x, a, b, p, q, r, s = v
        return x * a * r + b * b * x * q + (p * p + q * q + r * r + s * s) * x + sin(a * s)
    at = m('0.5', '2', '3', '1', '2', '-1', '0.25')
    x, y, z = [0], [1, 2], [3, 4, 5, 6]
    def block(rows, columns):
        return [partial(f, at, i, j) for i in rows for j in columns]
    write('hessian_blocks', [
        ('zx', block(z, z) + block(z, x) + block(x, z) + block(x, x)),
        ('xyz', sum([block(i, j) for i in [x, y, z] for j in [x, y, z]], [])),
        ('jacobian', [partial(f, at, i) for i in y + z])])



def walks():
    """Graphs and trees as data: a best path followed back, all paths, a depth-first search, a walk that returns early."""
    def graph(x):
        return [[(j, x[(i + j) % 4] * (1 + i)) for j in range(i + 1, 5) if (i * j) % 3 != 2] for i in range(5)]

    def best(x):
        g, d, back = graph(x), [None] * 5, [-1] * 5
        d[0] = mpf(0)
        for i in range(5):
            for to, w in g[i]:
                if d[i] is not None and (d[to] is None or d[i] + w * w > d[to]):
                    d[to], back[to] = d[i] + w * w, i
        s, t = 4, mpf(0)
        while back[s] >= 0:
            t = t / 2 + d[s] - d[back[s]]
            s = back[s]
        return t + d[4]

    def paths(g, at):
        if at in [3, 4] and not g[at]:
            return mpf(1)
        return mpf('0.2') + sum(exp(w) * paths(g, to) * mpf('0.3') for to, w in g[at])

    def search(w):
        g = [[j for j in range(6) if (i * 2 + j * 3) % 4 == 1 and i != j] for i in range(6)]
        seen, path = [False] * 6, []
        def visit(at):
            seen[at] = True
            path.append(w[at])
            if w[at] > 2:
                return w[at]
            s = w[at]
            for to in g[at]:
                if not seen[to]:
                    s = s * w[to] + visit(to)
            return s
        s = mpf(0)
        for start in range(6):
            if not seen[start]:
                s += visit(start) * (start + 1)
        return s + sum(a * b for a, b in zip(path, path[1:]))

    def grow(x, d):
        if d == 0:
            return ('some', x, x, mpf(2)) if x > 1 else ('none', mpf(1), x * x)
        return ('kids', x, [('nil',) if i == 2 else grow(x * mpf('0.7') + i * mpf('0.4'), d - 1) for i in range(d)])

    def walk(t, seen):
        if t[0] == 'nil':
            return mpf('0.1')
        if t[0] == 'none':
            return t[1] + t[2]
        if t[0] == 'some':
            if t[1] < mpf('1.2'):
                return t[1] * t[2] * t[3]
            seen.append(t[1])
            return t[1] ** 2
        s = t[1]
        for kid in t[2]:
            w = walk(kid, seen)
            if w > 3:
                return s * w
            s = s * mpf('0.9') + w * t[1]
        seen.append(s)
        return s

    def trees(x):
        seen = []
        s = walk(grow(x, 3), seen)
        for v in seen:
            s = s / 2 + sin(v)
        return s * len(seen)
    at, along = ['0.3', '0.9', '-0.4', '0.7', '2.2', '1.1'], ['1', '-2', '0.5', '0.1', '0.3', '0.7']
    lines = scalar('trees', trees, '0.9') + scalar('taller', trees, '1.6')
    lines += vector('followed', lambda x: best(x) * paths(graph(x), 0), at[:4], along[:4])
    write('walks', lines + vector('searched', search, at, along))
