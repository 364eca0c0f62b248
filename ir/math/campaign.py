#!/usr/bin/env python3
"""The errors of the elementary functions on a million points each, against MPFR with 200 bits.

    cargo build --release -p dprog-ir --example elementary
    python3 ir/math/campaign.py [--points N] [--command PATH] [NAME...]      needs gmpy2

Prints, for each function, the greatest error in units in the last place of the exact result and where it stands. Half
of the points are uniform on the ranges below, the others have random bits (any exponent), or lie next to special points.
The seed is fixed.
"""
import argparse
import array
import random
import struct
import subprocess
import sys
import gmpy2
from gmpy2 import mpfr

BITS = 200
gmpy2.set_context(gmpy2.context(precision=BITS, emin=-(10**6), emax=10**6, subnormalize=False))

# name: (exact, ranges)
UNARY = {
    "exp": (gmpy2.exp, [(-1, 1), (-20, 20), (-760, 720)]),
    "exp2": (gmpy2.exp2, [(-1, 1), (-1090, 1040)]),
    "expm1": (gmpy2.expm1, [(-0.5, 0.5), (-3, 3), (-70, 720)]),
    "log": (gmpy2.log, [(0.5, 2), (0, 100), (0.99, 1.01)]),
    "log2": (gmpy2.log2, [(0.5, 2), (0, 100), (0.99, 1.01)]),
    "log10": (gmpy2.log10, [(0.5, 2), (0, 100), (0.99, 1.01)]),
    "log1p": (gmpy2.log1p, [(-1, 1), (-0.01, 0.01), (-1, 100)]),
    "sin": (gmpy2.sin, [(-1, 1), (-10, 10), (-25000, 25000), (-1e6, 1e6)]),
    "cos": (gmpy2.cos, [(-1, 1), (-10, 10), (-25000, 25000), (-1e6, 1e6)]),
    "tan": (gmpy2.tan, [(-1, 1), (-10, 10), (-25000, 25000), (-1e6, 1e6)]),
    "asin": (gmpy2.asin, [(-1, 1), (-0.5, 0.5), (0.9, 1)]),
    "acos": (gmpy2.acos, [(-1, 1), (-0.5, 0.5), (0.9, 1)]),
    "atan": (gmpy2.atan, [(-1, 1), (-10, 10), (0, 0.5)]),
    "sinh": (gmpy2.sinh, [(-1, 1), (-10, 10), (-711, 711), (709, 720)]),
    "cosh": (gmpy2.cosh, [(-1, 1), (-10, 10), (-711, 711), (709, 720)]),
    "tanh": (gmpy2.tanh, [(-1, 1), (-0.1, 0.1), (-23, 23)]),
    "asinh": (gmpy2.asinh, [(-1, 1), (-0.1, 0.1), (-100, 100)]),
    "acosh": (gmpy2.acosh, [(1, 2), (1, 1.01), (1, 100)]),
    "atanh": (gmpy2.atanh, [(-1, 1), (-0.1, 0.1), (0.9, 1)]),
    "cbrt": (gmpy2.cbrt, [(-1, 1), (1, 8), (-1000, 1000)]),
    "erf": (gmpy2.erf, [(-1, 1), (-3, 3), (-6.5, 6.5)]),
    "erfc": (gmpy2.erfc, [(-1, 1), (-6, 6), (0.4, 2), (0, 27.5)]),
    "sigmoid": (lambda x: 1 / (1 + gmpy2.exp(-x)), [(-1, 1), (-20, 20), (-750, 40)]),
    "softplus": (lambda x: gmpy2.log1p(gmpy2.exp(x)) if x < 0 else x + gmpy2.log1p(gmpy2.exp(-x)), [(-1, 1), (-20, 20), (-750, 40)]),
    "lgamma": (lambda x: gmpy2.lgamma(x)[0], [(0, 3), (0, 20), (-20, 0), (0.9, 2.1), (-4, -2)]),
    "digamma": (gmpy2.digamma, [(0, 3), (0, 20), (1.3, 1.6)]),
}
BINARY = {
    "pow": (lambda x, y: x**y, [((0, 10), (-20, 20)), ((0.9, 1.1), (-7000, 7000)), ((0, 1e4), (-80, 80))]),
    "atan2": (gmpy2.atan2, [((-1, 1), (-1, 1)), ((-100, 100), (-1, 1))]),
    "hypot": (gmpy2.hypot, [((-1, 1), (-1, 1)), ((-100, 100), (-1, 1))]),
    "rem": (gmpy2.fmod, [((-100, 100), (-7, 7)), ((-1e30, 1e30), (0, 1))]),
}
# Known to be hard: next to multiples of pi/2, ends of ranges, next to 1.
SPECIAL = [
    0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 0.25, 0.75, 22.0, 36.7, 37.5, 40.0, 56.0, 709.0, 709.782712893384, 710.0, -708.3964185322641,
    -745.1332191019411, -744.44, 0.34657359027997264, 1.0397207708399179, 0.6931471805599453, 1.4142135623730951,
    0.7071067811865476, 1.5707963267948966, 3.141592653589793, 6.283185307179586, 0.7853981633974483, 2.356194490192345,
    5.92127876482204e15, 6381956970095103.0 * 2.0**797, 1.7976931348623157e308, 2.2250738585072014e-308, 5e-324,
    25000.0, 24999.99, 823549.6, 1e22, 1e300, 2.0**53, 2.0**1023, 2.0**-1022, 1e-8, 2.0**-27, 2.0**-28, 0.3125, 0.4375,
    0.84375, 1.25, 2.857142857142857, 5.9, 6.0, 0.46163, 1.4616321449683623, 2.4570247382208006, 0.41421356237309503,
]


def arguments(ranges, count, rng):
    points = []
    for x in SPECIAL:
        bits = struct.unpack("q", struct.pack("d", x))[0]
        for step in range(-6, 7):
            y = struct.unpack("d", struct.pack("q", max(bits + step, 0)))[0]
            points += [y, -y]
    for k in range(1, 16000, 7):
        x = float(gmpy2.const_pi() * k / 2)
        points += [x, -x]
    while len(points) < count // 2:
        low, high = ranges[len(points) % len(ranges)]
        points.append(low + (high - low) * rng.random())
    while len(points) < count:
        x = struct.unpack("d", struct.pack("Q", rng.getrandbits(64)))[0]
        if len(points) % 2:  # exponents that functions care about
            x = rng.choice((-1, 1)) * 2.0 ** rng.uniform(-30, 12)
        points.append(x)
    return [x for x in points if x == x and abs(x) != float("inf")]


def pairs(ranges, count, rng):
    points = []
    while len(points) < count // 2:
        a, b = ranges[len(points) % len(ranges)]
        points.append((a[0] + (a[1] - a[0]) * rng.random(), b[0] + (b[1] - b[0]) * rng.random()))
    while len(points) < count:
        x, y = (rng.choice((-1, 1)) * 2.0 ** rng.uniform(-s, s) for s in (60, 12) if True)
        if len(points) % 4 == 0:
            x, y = (struct.unpack("d", struct.pack("Q", rng.getrandbits(64)))[0] for _ in range(2))
        points.append((x, y))
    return [p for p in points if all(x == x and abs(x) != float("inf") for x in p)]


def values(command, name, flat):
    out = subprocess.run([command, "points", name], input=array.array("d", flat).tobytes(), capture_output=True, check=True)
    return array.array("d", out.stdout)


TOP = gmpy2.exp2(1024) - gmpy2.exp2(970)


def error(exact, y):
    """In units in the last place of the exact value; None where it is right as a special value."""
    if gmpy2.is_nan(exact):
        return None if y != y else float("inf")
    if abs(exact) >= TOP:
        if abs(y) == float("inf") and (y > 0) == (exact > 0):
            return None
        return float("inf") if abs(y) < 1.7976931348623157e308 else 0.5
    if y != y or abs(y) == float("inf"):
        return float("inf") if abs(exact) < TOP - gmpy2.exp2(970) * 3 else 1.0
    if exact == 0:
        return None if y == 0 else float("inf")
    exponent = max(gmpy2.get_exp(exact) - 53, -1074)
    return float(abs(mpfr(y) - exact) / gmpy2.exp2(exponent))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--command", default="target/release/examples/elementary")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    for name in args.names or [*UNARY, *BINARY]:
        rng = random.Random(name)
        if name in UNARY:
            f, ranges = UNARY[name]
            points = [(x,) for x in arguments(ranges, args.points, rng)]
        else:
            f, ranges = BINARY[name]
            points = pairs(ranges, args.points, rng)
        ys = values(args.command, name, [x for p in points for x in p])
        worst, where, sum_ = 0.0, None, 0
        for p, y in zip(points, ys):
            e = error(f(*map(mpfr, p)), y)
            if e is None:
                continue
            sum_ += e > 0.5
            if not e <= worst:
                worst, where = e, (p, y)
        share = 100 * sum_ / len(points)
        print(f"{name:8} {worst:8.4f} ulp at {where}   not the nearest: {share:.2f} %")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
