#!/usr/bin/env python3
"""Writes ir/tests/elementary/NAME.txt: arguments and exact values of the elementary functions, by mpmath with 50 digits.

A line is: the arguments, the nearest f64 of the value, and what is left of the value as another f64, all as 16
hexadecimal digits. A value that is infinite, NaN or zero has no rest: there the result must be that one, to the bit
(any NaN for a NaN).

    python3 ir/math/reference.py        needs mpmath
"""
import math
import pathlib
import random
import struct
from mpmath import mp, mpf

mp.dps = 50
INF, NAN = float("inf"), float("nan")


def real(f, low=-INF, high=INF, closed=True):
    """A function of real arguments, NaN outside of an interval."""
    def value(x):
        inside = low <= x <= high if closed else low < x < high
        return f(mpf(x)) if inside else NAN
    return value


def odd_power(x, y):
    if y == 0 or x == 1:
        return 1.0
    if math.isnan(x) or math.isnan(y):
        return NAN
    if math.isinf(x) or math.isinf(y) or x == 0:
        # Python's own follows C, except that it raises where C gives an infinity.
        try:
            return math.pow(x, y)
        except ValueError:
            return math.copysign(INF, x) if y % 2 == 1 else INF
    if x < 0 and y != math.floor(y):
        return NAN
    value = mp.power(abs(mpf(x)), mpf(y))
    return -value if x < 0 and y % 2 == 1 else value


def limits(f, **special):
    """`f`, but these values at minus infinity, infinity, zero."""
    def value(x):
        if x != x:
            return NAN
        if x == -INF and "minus" in special:
            return special["minus"]
        if x == INF and "plus" in special:
            return special["plus"]
        if x == 0 and "zero" in special:
            return special["zero"] if special["zero"] is not None else x
        return f(x)
    return value


UNARY = {
    "exp": limits(real(mp.exp), minus=0.0, plus=INF),
    "exp2": limits(real(lambda x: mp.power(2, x)), minus=0.0, plus=INF),
    "expm1": limits(real(mp.expm1), minus=-1.0, plus=INF, zero=None),
    "log": limits(real(mp.log, 0), plus=INF, zero=-INF, minus=NAN),
    "log2": limits(real(lambda x: mp.log(x) / mp.log(2), 0), plus=INF, zero=-INF, minus=NAN),
    "log10": limits(real(mp.log10, 0), plus=INF, zero=-INF, minus=NAN),
    "log1p": limits(lambda x: -INF if x == -1 else real(mp.log1p, -1)(x), plus=INF, zero=None, minus=NAN),
    "sin": limits(real(mp.sin), minus=NAN, plus=NAN, zero=None),
    "cos": limits(real(mp.cos), minus=NAN, plus=NAN),
    "tan": limits(real(mp.tan), minus=NAN, plus=NAN, zero=None),
    "asin": limits(real(mp.asin, -1, 1), minus=NAN, plus=NAN, zero=None),
    "acos": limits(real(mp.acos, -1, 1), minus=NAN, plus=NAN),
    "atan": limits(real(mp.atan), minus=-mp.pi / 2, plus=mp.pi / 2, zero=None),
    "sinh": limits(real(mp.sinh), minus=-INF, plus=INF, zero=None),
    "cosh": limits(real(mp.cosh), minus=INF, plus=INF),
    "tanh": limits(real(mp.tanh), minus=-1.0, plus=1.0, zero=None),
    "asinh": limits(real(mp.asinh), minus=-INF, plus=INF, zero=None),
    "acosh": limits(real(mp.acosh, 1), minus=NAN, plus=INF),
    "atanh": limits(lambda x: x * INF if abs(x) == 1 else real(mp.atanh, -1, 1)(x), minus=NAN, plus=NAN, zero=None),
    "cbrt": limits(lambda x: mp.sign(x) * mp.cbrt(abs(mpf(x))), minus=-INF, plus=INF, zero=None),
    "erf": limits(real(mp.erf), minus=-1.0, plus=1.0, zero=None),
    "erfc": limits(real(lambda x: mp.erfc(x) if x < 200 else mpf(10) ** -400), minus=2.0, plus=0.0),
    "sigmoid": limits(real(lambda x: 1 / (1 + mp.exp(-x)) if x > 0 else mp.exp(x) / (1 + mp.exp(x))), minus=0.0, plus=1.0),
    "softplus": limits(real(lambda x: max(x, 0) + mp.log1p(mp.exp(-abs(x)))), minus=0.0, plus=INF),
    "floor": lambda x: x if x in (INF, -INF) or x != x else math.copysign(float(math.floor(x)), x),
    "ceil": lambda x: x if x in (INF, -INF) or x != x else math.copysign(float(math.ceil(x)), x),
    "trunc": lambda x: x if x in (INF, -INF) or x != x else math.copysign(float(math.trunc(x)), x),
    "round": lambda x: x if x in (INF, -INF) or x != x else math.copysign(float(mp.floor(abs(mpf(x)) + 0.5)), x),
}


def angle(y, x):
    if x != x or y != y:
        return NAN
    if x == 0 or y == 0 or math.isinf(x) or math.isinf(y):
        nearest = math.atan2(y, x)
        quarters = round(nearest / (math.pi / 4))
        return mp.pi * quarters / 4 if quarters else nearest
    return mp.atan2(mpf(y), mpf(x))


def long_side(x, y):
    if math.isinf(x) or math.isinf(y):
        return INF
    return NAN if x != x or y != y else mp.sqrt(mpf(x) ** 2 + mpf(y) ** 2)


def remainder(x, y):
    return NAN if x != x or y != y or math.isinf(x) or y == 0 else math.fmod(x, y)


BINARY = {"pow": odd_power, "atan2": angle, "hypot": long_side, "rem": remainder}

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1e300, -1e300, INF, -INF, NAN]
HARD = [
    1.7976931348623157e308, 709.782712893384, 709.7827128933841, 710.4758600739439, 710.475860073944, -708.3964185322641,
    -745.1332191019411, -745.1332191019412, -744.4400719213812, 1024.0, -1074.0, -1075.0, 0.34657359027997264,
    1.0397207708399179, 0.6931471805599453, 0.7071067811865476, 1.4142135623730951, 0.9999999999999999,
    1.0000000000000002, 1.5707963267948966, 3.141592653589793, 6.283185307179586, 0.7853981633974483, 24999.99,
    25000.0, 823549.6, 5.92127876482204e15, 6381956970095103.0 * 2.0**797, 1e22, 2.0**52, 2.0**52 + 1, 2.0**53,
    711.0, 711.2, 712.5, 720.0, 1025.0, 4503599627370495.5, 0.49999999999999994, 2.5, 1e-9, 1e-8, 0.3125, 0.75, 0.4375, 5.9, 6.0, 22.0, 37.0, -60.5,
]


def word(x):
    return struct.pack(">d", x).hex()


def line(args, value):
    if isinstance(value, float) or value == 0:
        exact = float(value)
        return " ".join([*map(word, args), word(exact)])
    nearest = float(value) if abs(value) < mpf(2) ** 1024 else math.copysign(INF, value)
    # Python rounds subnormal values of mpmath correctly; what overflows has no rest.
    if math.isinf(nearest) or abs(value) >= mpf(2) ** 1024 - mpf(2) ** 970:
        return " ".join([*map(word, args), word(math.copysign(INF, value))])
    return " ".join([*map(word, args), word(nearest), word(float(value - mpf(nearest)))])


def main():
    folder = pathlib.Path(__file__).parent.parent / "tests" / "elementary"
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(2024)
    random_ones = [rng.choice((-1, 1)) * 2.0 ** rng.uniform(-30, 10) for _ in range(40)]
    random_ones += [rng.uniform(-1, 1) for _ in range(40)] + [rng.uniform(-30, 30) for _ in range(30)]
    random_ones += [rng.uniform(0, 3) for _ in range(20)]
    for name, f in UNARY.items():
        points = SPECIAL + [s * x for x in HARD for s in (1, -1)] + random_ones
        lines = [line((x,), f(x)) for x in points]
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    some = SPECIAL + random_ones[:30]
    for name, f in BINARY.items():
        pairs = [(x, y) for x in SPECIAL for y in SPECIAL]
        pairs += [(x, rng.choice(random_ones)) for x in random_ones]
        pairs += [(abs(x), rng.uniform(-20, 20)) for x in random_ones]
        pairs += [(rng.uniform(0.99, 1.01), rng.uniform(-60000, 60000)) for _ in range(20)]
        (folder / f"{name}.txt").write_text("\n".join(line(p, f(*p)) for p in pairs) + "\n")


if __name__ == "__main__":
    main()
