"""Loops over arrays as C: entry by entry, and sums, with the bits that NumPy gives them.

A loop is told by its shape, by how far apart the entries of each array lie, and by what is done with an
entry; where the arrays are is told when it is called. So the text depends on sizes alone, and loops that
differ only in their arrays are one function. Operations keep their order and round one by one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from graphlang.records import Record

# What NumPy's types are in C.
C_TYPES = {"?": "uint8_t", "B": "uint8_t", "i": "int32_t", "l": "int64_t", "f": "float", "d": "double"}
_FLOATS = "fd"


# NumPy's functions of one or two entries of the same type, by name. The greater of two zeros is the second,
# and what is not a number wins.
_FORMULAS: dict[str, str] = {
    "add": "({a} + {b})",
    "subtract": "({a} - {b})",
    "multiply": "({a} * {b})",
    "maximum": "({a} > {b} || {a} != {a} ? {a} : {b})",
    "minimum": "({a} < {b} || {a} != {a} ? {a} : {b})",
    "equal": "({a} == {b})",
    "not_equal": "({a} != {b})",
    "less": "({a} < {b})",
    "less_equal": "({a} <= {b})",
    "greater": "({a} > {b})",
    "greater_equal": "({a} >= {b})",
    "square": "({a} * {a})",
    "negative": "(-{a})",
    "copy": "{a}",
}
# Those of floats alone.
_FLOAT_FORMULAS: dict[str, str] = {
    "divide": "({a} / {b})",
    "reciprocal": "(1 / {a})",
    "absolute": "FABS({a})",
    "sqrt": "SQRT({a})",
    "sign": "({a} > 0 ? 1 : {a} < 0 ? -1 : {a} == 0 ? 0 : {a})",
}
COMPARISONS = frozenset({"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"})

# The places are apart, so that several can be done at a time; and a short loop is to be done that way too,
# not to be written out place by place.
PRAGMAS = ("#pragma GCC unroll 1", "#pragma GCC ivdep")

# Functions that every library computes in its own way; whether these are NumPy's must be tried.
TRANSCENDENTAL = ("exp", "log")
# Those that are not NumPy's to the bit.
LOOSE = ("tanh",)

# Steps at an entry that are worth waking up another thread for, and how many steps a function counts as.
_LEAST_SHARED = 40_000
_WORK = {"exp": 8, "log": 8, "tanh": 12, "divide": 2, "sqrt": 2}
# Places along the outer axes that make do for all threads.
_PARTS = 16

HEAD = """\
#include <math.h>
#include <stdint.h>
#include <string.h>

"""
# NumPy's exponential and logarithm of single precision, as its SIMD loops compute them: reduction of the
# argument by Cody and Waite, then a quotient of two polynomials; constants from numpy/_core/src/common/simd.
ELEMENTARY = """\
static inline float of_bits(int32_t b) { float f; memcpy(&f, &b, 4); return f; }
static inline int32_t bits_of(float f) { int32_t b; memcpy(&b, &f, 4); return b; }
static inline float exp_f(float x) {
    int is_high = x >= 88.72283935546875f, is_low = x <= -103.97208404541015625f;
    float y = is_high || is_low || x != x ? 0.0f : x;
    float k = (y * 1.44269504088896340736f + 0x1.8p+23f) - 0x1.8p+23f;
    float r = fmaf(k, -1.42860677e-6f, fmaf(k, -6.93145752e-1f, y));
    float n = fmaf(5.082762527590693718096e-04f, r, 6.757896990527504603057e-03f);
    n = fmaf(n, r, 5.114512081637298353406e-02f);
    n = fmaf(n, r, 2.473615434895520810817e-01f);
    n = fmaf(n, r, 7.257664613233124478488e-01f);
    n = fmaf(n, r, 9.999999999980870924916e-01f);
    float d = fmaf(2.159509375685829852307e-02f, r, -2.742335390411667452936e-01f);
    d = fmaf(d, r, 1.0f);
    /* Times 2 to the k, in two steps of which only the last can round. */
    int32_t all = (int32_t)k, half = all >> 1;
    float e = n / d * of_bits((half + 127) << 23) * of_bits((all - half + 127) << 23);
    return x != x ? x : is_high ? INFINITY : is_low ? 0.0f : e;
}
static inline float log_f(float x) {
    int is_small = x < 1.17549435e-38f;
    int32_t b = bits_of(is_small ? x * 0x1p+23f : x);
    float e = (float)(((b >> 23) & 255) - 127 - (is_small ? 23 : 0));
    float m = of_bits((b & 0x7fffff) | 0x3f800000);
    int is_large = m > 1.41421356237309504880f;
    m = (is_large ? 0.5f * m : m) - 1.0f;
    e = is_large ? e + 1.0f : e;
    float n = fmaf(2.589979117907922693523e-02f, m, 3.808837741388407920751e-01f);
    n = fmaf(n, m, 1.480000633576506585156e+00f);
    n = fmaf(n, m, 2.112677543073053063722e+00f);
    n = fmaf(n, m, 9.999999999999998702752e-01f);
    n = fmaf(n, m, 0.0f);
    float d = fmaf(5.875095403124574342950e-03f, m, 1.546476374983906719538e-01f);
    d = fmaf(d, m, 9.864942958519418960339e-01f);
    d = fmaf(d, m, 2.453006071784736363091e+00f);
    d = fmaf(d, m, 2.612677543073109236779e+00f);
    d = fmaf(d, m, 1.0f);
    float l = fmaf(e, 0.693147180559945309417f, n / d);
    return x != x || x < 0 ? NAN : x == 0 ? -INFINITY : x == INFINITY ? x : l;
}
/* As in the Cephes library: a polynomial for small arguments, else 1 - 2 / (exp(2 x) + 1). */
static inline float tanh_f(float x) {
    float z = x * x, a = fabsf(x);
    float p = -5.70498872745e-3f;
    p = fmaf(p, z, 2.06390887954e-2f);
    p = fmaf(p, z, -5.37397155531e-2f);
    p = fmaf(p, z, 1.33314422036e-1f);
    p = fmaf(p, z, -3.33332819422e-1f);
    float far = 1.0f - 2.0f / (exp_f(2.0f * a) + 1.0f);
    return copysignf(a < 0.625f ? fmaf(p * z, a, a) : far, x);
}
"""
# What tries them: each fills the places of one array from those of another.
TRIALS = "".join(
    f"void try_{name}(const float *x, float *y, long n)"
    f" {{ for (long i = 0; i < n; i++) y[i] = {name}_f(x[i]); }}\n"
    for name in TRANSCENDENTAL
)


def has_formula(function: str, kind: str) -> bool:
    """Whether there is C for a function of NumPy's on entries of a type, given by its letter."""
    if function in TRANSCENDENTAL or function in LOOSE:
        return kind == "f"
    return function in _FORMULAS or (function in _FLOAT_FORMULAS and kind in _FLOATS)


class Access(Record):
    """How an array is walked: the letter of its type, and the bytes from one entry to the next per axis."""

    kind: str
    strides: tuple[int, ...]


class Step(Record):
    """A function of entries, each that of an array given by its number, with a result in another."""

    function: str
    operands: tuple[int, ...]
    out: int
    # The type in which it is computed.
    kind: str


class Loop(Record):
    """What is done at each place of a shape, the axis that varies fastest last."""

    shape: tuple[int, ...]
    arrays: tuple[Access, ...]
    steps: tuple[Step, ...]
    # Arrays that only hold a result until the next step: they are not in memory.
    passing: frozenset[int] = frozenset()
    # Whether threads may share it.
    is_shared: bool = False

    def text(self, name: str) -> str:
        """The function in C; its parameters are the arrays' addresses."""
        outs = {step.out for step in self.steps}
        fixed = [k for k, a in enumerate(self.arrays) if not a.strides[-1] and k not in outs]
        # The axes that threads may share, as one; and those that each goes along.
        apart = self._apart()
        inner, deep = self.shape[apart:-1], "    " * max(0, len(self.shape) - 1 - apart)
        lines = [f"long {text};" for text in places_of(self.shape[:apart])]
        lines += _nest(inner, apart)
        for k, a in enumerate(self.arrays):
            if k in self.passing:
                continue
            ctype = C_TYPES[a.kind]
            lines.append(f"{deep}{ctype} *p{k} = ({ctype} *)({_address(k, a.strides[:-1])});")
        lines += [f"{deep}{C_TYPES[self.arrays[k].kind]} f{k} = *p{k};" for k in fixed]
        is_row = len(self.shape) == 1
        bounds = "long j = from; j < to" if is_row else f"long j = 0; j < {self.shape[-1]}"
        lines += [*PRAGMAS, f"{deep}for ({bounds}; j++) {{"]
        lines += [f"{deep}    {line}" for line in self._body(fixed)]
        lines.append(f"{deep}}}")
        lines += _close(len(inner))
        count = math.prod(self.shape[:apart]) if apart else self.shape[-1] if is_row else 0
        return stretch(name, len(self.arrays), count, lines, is_shared=self._is_long, is_whole=is_row)

    @property
    def _is_long(self) -> bool:
        """Whether it is worth waking up another thread for."""
        work = sum(_WORK.get(step.function, 1) for step in self.steps)
        return self.is_shared and math.prod(self.shape) * work >= _LEAST_SHARED

    def _apart(self) -> int:
        """How many of the outer axes are shared: as few as give all threads enough to do."""
        outer = self.shape[:-1]
        if not self._is_long or not outer:
            return 0
        return next((d for d in range(1, len(outer)) if math.prod(outer[:d]) >= _PARTS), len(outer))

    def _body(self, fixed: Sequence[int]) -> Iterator[str]:
        held = {k: f"f{k}" for k in fixed}
        for i, step in enumerate(self.steps):
            for k in step.operands:
                if k not in held:
                    held[k] = f"x{k}_{i}"
                    yield f"{C_TYPES[self.arrays[k].kind]} {held[k]} = {self._entry(k)};"
            operands = [f"({C_TYPES[step.kind]}){held[k]}" for k in step.operands]
            out = f"y{i}"
            kind = C_TYPES[self.arrays[step.out].kind]
            yield f"{kind} {out} = ({kind}){_formula(step, operands)};"
            held[step.out] = out
        for k in dict.fromkeys(step.out for step in self.steps if step.out not in self.passing):
            yield f"{self._entry(k)} = {held[k]};"

    def _entry(self, k: int) -> str:
        a = self.arrays[k]
        return f"p{k}[j * {a.strides[-1] // _SIZES[a.kind]}]"


class Fold(Record):
    """Sums (`add`), maxima or minima along some axes of an array: those in which `out` does not move."""

    function: str
    shape: tuple[int, ...]
    out: Access
    array: Access
    # Whether threads may share it.
    is_shared: bool = False

    def text(self, name: str) -> str:
        """The function in C; its parameters are the addresses of `out` and of the array."""
        kind = C_TYPES[self.out.kind]
        # Threads may share the first axis if each place along it has results of its own.
        is_long = self.is_shared and math.prod(self.shape) >= _LEAST_SHARED
        apart = int(is_long and len(self.shape) > 1 and self.out.strides[0] != 0)
        lines = [f"long {text};" for text in places_of(self.shape[:apart])]
        lines += self._begun(kind, apart)
        lines += _nest(self.shape[apart:-1], apart)
        deep = "    " * (len(self.shape) - apart)
        n, step = self.shape[-1], self.array.strides[-1] // _SIZES[self.array.kind]
        lines.append(f"{deep}{kind} *o = ({kind} *)({_address(0, self.out.strides[:-1])});")
        lines.append(f"{deep}{kind} *x = ({kind} *)({_address(1, self.array.strides[:-1])});")
        if self.out.strides[-1]:
            move = self.out.strides[-1] // _SIZES[self.out.kind]
            a, b = f"o[j * {move}]", f"x[j * {step}]"
            formula = _formula(Step(self.function, (0, 1), 0, self.out.kind), [a, b])
            lines += [
                *PRAGMAS,
                f"{deep}for (long j = 0; j < {n}; j++) o[j * {move}] = {formula};",
            ]
        elif self.function == "add":
            lines.append(f"{deep}*o = *o + sum_{self.out.kind}(x, {n}, {step});")
        else:
            formula = _formula(Step(self.function, (0, 1), 0, self.out.kind), ["r", f"x[j * {step}]"])
            lines.append(f"{deep}{kind} r = *o;")
            lines.append(f"{deep}for (long j = 0; j < {n}; j++) r = {formula};")
            lines.append(f"{deep}*o = r;")
        lines += _close(len(self.shape) - 1 - apart)
        return stretch(name, 2, self.shape[0] if apart else 0, lines, is_shared=bool(apart))

    def _begun(self, kind: str, apart: int) -> list[str]:
        """Statements that give each result what it starts from: 0, or the first entry."""
        kept = [k for k, s in enumerate(self.out.strides) if s or k < apart]
        shape = tuple(self.shape[k] for k in kept)
        out = Access(self.out.kind, tuple(self.out.strides[k] for k in kept))
        array = Access(self.array.kind, tuple(self.array.strides[k] for k in kept))
        start = "0" if self.function == "add" else f"*({kind} *)({_address(1, array.strides)})"
        deep = "    " * (len(shape) + 1 - apart)
        return [
            *_nest(shape[apart:], apart),
            f"{deep}*({kind} *)({_address(0, out.strides)}) = {start};",
            *_close(len(shape) - apart),
        ]


# Sums as NumPy takes them, in pairs: eight running sums for up to 128 terms, halves for more.
_SUM = """\
static {c} sum_{k}(const {c} *x, long n, long s) {{
    if (n < 8) {{
        {c} r = 0;
        for (long i = 0; i < n; i++) r += x[i * s];
        return r;
    }}
    if (n <= 128) {{
        {c} r[8];
        long i;
        for (long k = 0; k < 8; k++) r[k] = x[k * s];
        for (i = 8; i < n - n % 8; i += 8)
            for (long k = 0; k < 8; k++) r[k] += x[(i + k) * s];
        {c} t = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
        for (; i < n; i++) t += x[i * s];
        return t;
    }}
    long half = n / 2;
    half -= half % 8;
    return sum_{k}(x, half, s) + sum_{k}(x + half * s, n - half, s);
}}
"""
SUMS = "".join(_SUM.format(c=C_TYPES[k], k=k) for k in _FLOATS)
_SIZES = {"?": 1, "B": 1, "i": 4, "l": 8, "f": 4, "d": 8}


def _nest(shape: Sequence[int], first: int = 0) -> list[str]:
    return [
        f"{'    ' * (d + 1)}for (long i{first + d} = 0; i{first + d} < {n}; i{first + d}++) {{"
        for d, n in enumerate(shape)
    ]


def _close(depth: int) -> list[str]:
    return ["    " * (d + 1) + "}" for d in reversed(range(depth))]


def _address(k: int, strides: Sequence[int]) -> str:
    return "".join([f"a{k}", *(f" + i{d} * {s}" for d, s in enumerate(strides) if s)])


def places_of(shape: Sequence[int]) -> list[str]:
    """Statements that give the place along each axis, from its number `i` in the row of all places."""
    return [f"long i{d} = i / {math.prod(shape[d + 1 :])} % {size};" for d, size in enumerate(shape)]


def stretch(
    name: str, pointers: int, count: int, body: Sequence[str], *, is_shared: bool, is_whole: bool = False
) -> str:
    """A function in C of some addresses that does something for each `i` below a count, shared or not.

    With `is_whole` the statements go through all `from` one number `to` another themselves; with no count
    they are all there is to do.
    """
    lines = [*body] if is_whole or not count else ["for (long i = from; i < to; i++) {", *body, "}"]
    if not is_shared:
        bounds = [f"const long from = 0, to = {count};"] if count else []
        return _function(name, pointers, [*bounds, *lines])
    names = [f"a{k}" for k in range(pointers)]
    part = [
        f"static void {name}_part(long part, long parts, void *given) {{",
        *(f"    char *{a} = ((char **)given)[{k}];" for k, a in enumerate(names)),
        f"    long from = {count}L * part / parts, to = {count}L * (part + 1) / parts;",
        *lines,
        "}",
    ]
    call = [f"    char *all[] = {{{', '.join(names)}}};", f"    share({name}_part, all, 4 * threads);"]
    return "\n".join([*part, _function(name, pointers, call)])


def _function(name: str, count: int, lines: Sequence[str]) -> str:
    parameters = ", ".join(f"char *a{k}" for k in range(count))
    return "\n".join([f"static __attribute__((noinline)) void {name}({parameters}) {{", *lines, "}", ""])


def _formula(step: Step, operands: Sequence[str]) -> str:
    a, b = (*operands, "")[:2]
    if step.function in TRANSCENDENTAL or step.function in LOOSE:
        return f"{step.function}_{step.kind}({a})"
    formula = _FORMULAS.get(step.function) or _FLOAT_FORMULAS[step.function]
    suffix = "f" if step.kind == "f" else ""
    return formula.replace("FABS", f"fabs{suffix}").replace("SQRT", f"sqrt{suffix}").format(a=a, b=b)
