#!/usr/bin/env python3
"""Where the polynomial coefficients of ir/src/fmath come from.

Each polynomial is the minimax approximation (Remez exchange in 60 digits) of a tail of a series on the reduced interval,
weighted so that the error is relative to the function itself. On intervals that begin at 0 the first three coefficients
are rounded to f64 one after the other, and the rest is fitted again with what was rounded fixed, so that rounding costs
little. Printed with each: the greatest relative error of the function when the polynomial is evaluated exactly, as a
power of two.

    python3 minimax.py [--check] [NAME...]        needs mpmath

With --check: whether these are the coefficients in the sources.
"""
import pathlib
import re
import sys
from mpmath import mp, mpf, matrix, lu_solve

mp.dps = 60


def remez(f, weight, lo, hi, powers):
    """Coefficients c of sum c[i] z^powers[i] that minimize max |f - p| * weight on [lo, hi]."""
    n = len(powers)
    nodes = [(lo + hi) / 2 - (hi - lo) / 2 * mp.cos(mp.pi * (2 * i + 1) / (2 * n + 2)) for i in range(n + 1)]
    coefficients = None
    for _ in range(30):
        a = matrix(n + 1, n + 1)
        b = matrix(n + 1, 1)
        for i, z in enumerate(nodes):
            for j, p in enumerate(powers):
                a[i, j] = z**p
            a[i, n] = (-1) ** i / weight(z)
            b[i] = f(z)
        solution = lu_solve(a, b)
        coefficients, level = list(solution[:n]), abs(solution[n])
        error = lambda z: (f(z) - sum(c * z**p for c, p in zip(coefficients, powers))) * weight(z)
        nodes, worst = extrema(error, lo, hi, n + 1)
        if worst < level * mpf("1.02"):
            break
    return coefficients, worst


def extrema(error, lo, hi, count):
    """The alternating extrema of an error curve, by sampling and parabolas."""
    steps = 40 * count
    zs = [(lo + hi) / 2 - (hi - lo) / 2 * mp.cos(mp.pi * i / steps) for i in range(steps + 1)]
    es = [error(z) for z in zs]
    found = []
    for i in range(steps + 1):
        left = abs(es[i - 1]) if i > 0 else -1
        right = abs(es[i + 1]) if i < steps else -1
        if abs(es[i]) >= left and abs(es[i]) >= right:
            z, e = zs[i], es[i]
            if 0 < i < steps:
                z, e = peak(error, zs[i - 1], zs[i], zs[i + 1], es[i - 1], es[i], es[i + 1])
            if found and (found[-1][1] > 0) == (e > 0):
                if abs(e) > abs(found[-1][1]):
                    found[-1] = (z, e)
            else:
                found.append((z, e))
    while len(found) > count:
        found.pop(0 if abs(found[0][1]) < abs(found[-1][1]) else -1)
    if len(found) < count:
        raise ValueError(f"only {len(found)} extrema of {count}")
    return [z for z, _ in found], max(abs(e) for _, e in found)


def peak(error, a, b, c, ea, eb, ec):
    p = (b - a) ** 2 * (eb - ec) - (b - c) ** 2 * (eb - ea)
    q = (b - a) * (eb - ec) - (b - c) * (eb - ea)
    z = b - p / (2 * q) if q else b
    if not a < z < c:
        return b, eb
    e = error(z)
    return (z, e) if abs(e) > abs(eb) else (b, eb)


def fit(f, weight, lo, hi, degree, fixed=()):
    """Rounded coefficients of 1, z, …, z^degree; the first may be given. Also the error with them."""
    lo, hi = mpf(lo), mpf(hi)
    done = [mpf(float(c)) for c in fixed]
    while len(done) <= degree:
        rest = lambda z: f(z) - sum(c * z**i for i, c in enumerate(done))
        free = list(range(len(done), degree + 1))
        # The last coefficients hardly move: they are rounded together. So are all when 0 is inside, where z, z^2, ...
        # without 1 are not a Chebyshev system.
        coefficients, _ = remez(rest, weight, lo, hi, free)
        take = 1 if len(done) < 3 and lo >= 0 else len(coefficients)
        done += [mpf(float(c)) for c in coefficients[:take]]
    zs = [lo + (hi - lo) * i / 2000 for i in range(2001)]
    worst = max(abs(f(z) - sum(c * z**i for i, c in enumerate(done))) * weight(z) for z in zs)
    return done, worst


def series(terms):
    """A power series as a function of z."""
    return lambda z: mp.fsum(t * z**i for i, t in enumerate(terms))


N = 60
LN2 = mp.log(2)
exp_tail = series([1 / mp.factorial(i + 3) for i in range(N)])
exp2_tail = series([LN2 ** (i + 2) / mp.factorial(i + 2) for i in range(N)])
log_tail = series([mpf(2) / (2 * i + 3) for i in range(N)])
log_far_tail = series([mpf(1) / (2 * i + 5) for i in range(N)])
sin_tail = series([(-1) ** (i + 1) / mp.factorial(2 * i + 3) for i in range(N)])
cos_tail = series([(-1) ** i / mp.factorial(2 * i + 4) for i in range(N)])
atan_tail = series([mpf((-1) ** (i + 1)) / (2 * i + 3) for i in range(120)])
asin_tail = series([mp.binomial(2 * i + 2, i + 1) / (mpf(4) ** (i + 1) * (2 * i + 3)) for i in range(160)])


def erf_small(z):
    """(erf(x) / x - 1 - (2/sqrt(pi) - 1)) / z for z = x^2."""
    return mp.fsum(2 / mp.sqrt(mp.pi) * (-1) ** (i + 1) * z**i / (mp.factorial(i + 1) * (2 * i + 3)) for i in range(N))


# Beyond 1, exp(x^2) erfc(x) as a polynomial of t = (x - 2) / (x + 2).
def erfcx(t):
    x = 2 * (1 + t) / (1 - t)
    return mp.exp(x * x) * mp.erfc(x)


def erfcx_weight(t):
    x = 2 * (1 + t) / (1 - t)
    return mp.exp(-x * x) + mpf("1e-6")


# The same from 1/2 to where erfc vanishes, times x + 1, of t = (x - 15/4) / (x + 15/4).
def erfcx_far(t):
    x = mpf("3.75") * (1 + t) / (1 - t)
    return mp.exp(x * x) * mp.erfc(x) * (x + 1)


HALF_LN2 = LN2 / 2 * mpf("1.0001")
QUARTER_PI = mp.pi / 4 * mpf("1.0001")
S = (3 - 2 * mp.sqrt(2)) * mpf("1.0001")

# name: (function of z that the polynomial approximates, weight, interval, degree)
TABLE = {
    "EXP": (exp_tail, lambda r: r**2 * (r / mp.expm1(r) if r else 1) + mpf("1e-4"), (-HALF_LN2, HALF_LN2), 9),
    "EXP2": (exp2_tail, lambda r: r**2 / mpf(2) ** r + mpf("1e-4"), (-mpf("0.50005"), mpf("0.50005")), 10),
    "LOG": (log_tail, lambda z: z / 2 + mpf("1e-30"), (0, S**2), 6),
    "LOG_FAR": (lambda z: 3 * log_far_tail(z), lambda z: z**2 / 3 + mpf("1e-30"), (0, S**2), 7),
    "SIN": (sin_tail, lambda z: z * mp.sqrt(z) / mp.sin(mp.sqrt(z)) if z else mpf(0) + mpf("1e-30"), (0, QUARTER_PI**2), 5),
    "COS": (cos_tail, lambda z: z**2 / mp.cos(mp.sqrt(z)) + mpf("1e-30"), (0, QUARTER_PI**2), 5),
    "ATAN": (atan_tail, lambda z: z + mpf("1e-30"), (0, mpf("0.3126") ** 2), 9),
    "ERF": (erf_small, lambda z: z + mpf("1e-4"), (0, mpf("1.0001")), 10),
    "ERFC": (erfcx, erfcx_weight, (-mpf("0.3334"), mpf("0.5001")), 12),
    "ERFC_FAR": (erfcx_far, lambda t: 1 / erfcx_far(t), (-mpf("0.7648"), mpf("0.7585")), 21),
    "CBRT": (lambda f: mp.cbrt(1 + f), lambda f: 1 / mp.cbrt(1 + f), (mp.sqrt(0.5) - 1, mp.sqrt(2) - 1), 6),
    "ASIN": (asin_tail, lambda z: z + mpf("1e-30"), (0, mpf("0.25001")), 12),
}

# Coefficients that stand before the others in the sources.
BEFORE = {"EXP": [0.5]}


def in_sources(name):
    """The coefficients of that name in the sources."""
    folder = pathlib.Path(__file__).parent.parent / "src" / "fmath" / "elementary"
    for path in folder.glob("*.rs"):
        found = re.search(rf"const {name}: \[f64; \d+\] = \[([^]]*)\]", path.read_text())
        if found:
            return [float(word) for word in found[1].replace("\n", " ").split(",") if word.strip()]
    return None


def main():
    names = [name for name in sys.argv[1:] if name != "--check"]
    for name in names or TABLE:
        f, weight, (lo, hi), degree = TABLE[name]
        fitted, worst = fit(f, weight, lo, hi, degree)
        coefficients = BEFORE.get(name, []) + [float(c) for c in fitted]
        if "--check" in sys.argv:
            print(name, "is in the sources" if coefficients == in_sources(name) else "DIFFERS from the sources")
            continue
        print(f"/// Relative error 2^{float(mp.log(worst, 2)):.1f}.")
        print(f"const {name}: [f64; {len(coefficients)}] = [")
        for c in coefficients:
            print(f"    {c!r},")
        print("];")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
