"""Matrix products as C, for steps whose sums may be taken in any order.

A product is cut into tiles that stay in the processor's registers while the sum over the inner axis runs, as
in Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008): blocks of both operands
are copied into panels that the innermost loop reads from end to end. How many rows and vectors a tile has
depends on the registers there are; the compiler's vector types stand for any processor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from graphlang.plan.c_loops import C_TYPES, places_of, stretch
from graphlang.records import Record

# Multiplications and additions of a product that are worth waking up another thread for; and of one by a
# vector, which reads each entry once.
LEAST_SHARED = 1_000_000
LEAST_THIN = 100_000


class Matrix(Record):
    """How the matrices of a stack lie: entries from one to the next along each axis, their own two last."""

    strides: tuple[int, ...]


class Product(Record):
    """The products of a stack of matrices m × k by another of k × n.

    Attributes
    ----------
    kind : str
        The letter of the entries' type.
    stack : tuple of int
        The sizes of the axes before the matrices' own.
    sizes : tuple of int
        m, n and k.
    out, a, b : Matrix
        The columns of `out` are next to each other, if there are several.
    is_shared : bool
        Whether threads share it, if it is large.
    """

    kind: str
    stack: tuple[int, ...]
    sizes: tuple[int, int, int]
    out: Matrix
    a: Matrix
    b: Matrix
    is_shared: bool = False

    def text(self, name: str) -> str:
        """The function in C; its parameters are the addresses of `out`, `a` and `b`."""
        count, work, is_thin = math.prod(self.stack), 2 * math.prod(self.sizes), self.sizes[1] == 1
        is_shared = self.is_shared and count * work >= (LEAST_THIN if is_thin else LEAST_SHARED)
        c = C_TYPES[self.kind]
        places = ", ".join(f"({c} *)a{k}{self._offset(k)}" for k in range(3))
        strides = ", ".join(f"{s}L" for matrix in (self.out, self.a, self.b) for s in matrix.strides[-2:])
        sizes = ", ".join(map(str, self.sizes))
        function = "thin" if is_thin else "product"
        alone = int(is_shared and not self.stack)
        body = [f"{function}_{self.kind}({sizes}, {places}, {strides}, {alone});"]
        if self.stack:
            body = [*places_of(self.stack), *body]
        return stretch(name, 3, count if self.stack else 0, body, is_shared=is_shared and not alone)

    def _offset(self, k: int) -> str:
        strides = (self.out, self.a, self.b)[k].strides
        return "".join(f" + i{d} * {s}" for d, s in enumerate(strides[: len(self.stack)]) if s)


def products_text(kinds: Sequence[str]) -> str:
    """What the functions of products call."""
    texts = [_HEAD]
    for kind in kinds:
        texts.append(_TILES.replace("@c", C_TYPES[kind]).replace("@k", kind))
        texts.append("".join(_turn(kind, lanes) for lanes in _LANES))
        texts.append(_TURN.replace("@c", C_TYPES[kind]).replace("@k", kind))
        texts.append(_THIN.replace("@c", C_TYPES[kind]).replace("@k", kind))
        texts.append(_PRODUCT.replace("@c", C_TYPES[kind]).replace("@k", kind))
    return "".join(texts)


# Entries of single precision in a vector.
_LANES = (16, 8, 4)

_HEAD = """\
#include <stdlib.h>
#ifdef __has_builtin
#define CAN_SHUFFLE __has_builtin(__builtin_shufflevector)
#else
#define CAN_SHUFFLE 0
#endif
/* Compiled once, not once for each product's sizes, which takes longer and gains nothing. */
#ifdef __clang__
#define ONCE __attribute__((noinline))
#else
#define ONCE __attribute__((noinline, noclone))
#endif
#if defined(__AVX512F__)
#define LANES 16
#define ROWS 14
#elif defined(__AVX__)
#define LANES 8
#define ROWS 6
#elif defined(__aarch64__)
#define LANES 4
#define ROWS 12
#else
#define LANES 4
#define ROWS 6
#endif
/* A block of the left operand stays in the second cache, a panel of the right one in the first. */
#define DEEP 300
#define TALL (20 * ROWS)
/* So many lines before they are read the right operand's are asked for. */
#define AHEAD 32
/* So many threads at most share the sum of a single tile. */
#define MOST 16
static __thread char *room;
static __thread size_t room_size;
static char *room_of(size_t size) {
    if (room_size < size) {
        free(room);
        room = aligned_alloc(64, size / 64 * 64 + 64);
        room_size = room ? size : 0;
    }
    return room;
}
static inline long least(long a, long b) { return a < b ? a : b; }

"""
_TILES = """\
typedef @c vec_@k __attribute__((vector_size(LANES * 4), may_alias));
typedef @c loose_@k __attribute__((vector_size(LANES * 4), may_alias, aligned(sizeof(@c))));
#define L_@k ((long)(LANES * 4 / sizeof(@c)))
#define COLUMNS_@k (2 * L_@k)

/* Lines of a panel are `anext` and `bnext` apart; a tile has one vector of columns, or two. What is read
   of the right operand is copied to `panel`, if there is one. All is unrolled: sums stay in registers. */
static inline __attribute__((always_inline)) void tile_@k(long k, const @c *a, long anext, const @c *b,
        long bnext, @c *c, long row, int is_added, const int rows, const int vectors, @c *panel) {
    vec_@k t[ROWS][2] = {0};
    for (long i = 0; i < rows; i++)
        for (long j = 0; j < vectors; j++) __builtin_prefetch(c + i * row + j * L_@k, 1, 2);
    for (long p = 0; p < k; p++, a += anext, b += bnext) {
        vec_@k y[2];
        #pragma GCC unroll 2
        for (long j = 0; j < vectors; j++) {
            y[j] = *(const loose_@k *)(b + j * L_@k);
            if (!panel) continue;
            *(vec_@k *)(panel + (p * vectors + j) * L_@k) = y[j];
            __builtin_prefetch(b + AHEAD * bnext + j * L_@k);
        }
        #pragma GCC unroll 16
        for (long i = 0; i < rows; i++)
            #pragma GCC unroll 2
            for (long j = 0; j < vectors; j++) t[i][j] += a[i] * y[j];
    }
    #pragma GCC unroll 16
    for (long i = 0; i < rows; i++)
        #pragma GCC unroll 2
        for (long j = 0; j < vectors; j++) {
            loose_@k *at = (loose_@k *)(c + i * row + j * L_@k);
            if (is_added) *at += t[i][j];
            else *at = t[i][j];
        }
}
#define TILE_OF(name, rows, vectors) static ONCE void name( \
        long k, const @c *a, long anext, const @c *b, long bnext, @c *c, long row, int is_added) { \
    tile_@k(k, a, anext, b, bnext, c, row, is_added, rows, vectors, 0); \
}
TILE_OF(wide_@k, ROWS, 2)
TILE_OF(half_@k, (ROWS + 1) / 2, 2)
TILE_OF(few_@k, (ROWS + 3) / 4, 2)
TILE_OF(slim_@k, ROWS, 1)
#undef TILE_OF
static ONCE void copying_@k(long k, const @c *a, long anext, const @c *b, long bnext,
        @c *c, long row, int is_added, @c *panel) {
    tile_@k(k, a, anext, b, bnext, c, row, is_added, ROWS, 2, panel);
}
/* A tile of which only `m` rows and `n` columns are there. */
static ONCE void part_@k(long k, const @c *a, long anext, const @c *b, long bnext,
        @c *c, long row, int is_added, int is_slim, long m, long n) {
    vec_@k kept[ROWS * 2];
    @c *t = (@c *)kept;
    if (is_slim) slim_@k(k, a, anext, b, bnext, t, COLUMNS_@k, 0);
    else if (m <= (ROWS + 3) / 4) few_@k(k, a, anext, b, bnext, t, COLUMNS_@k, 0);
    else if (m <= (ROWS + 1) / 2) half_@k(k, a, anext, b, bnext, t, COLUMNS_@k, 0);
    else wide_@k(k, a, anext, b, bnext, t, COLUMNS_@k, 0);
    for (long i = 0; i < m; i++)
        for (long j = 0; j < n; j++)
            c[i * row + j] = is_added ? c[i * row + j] + t[i * COLUMNS_@k + j] : t[i * COLUMNS_@k + j];
}
"""


def _turn(kind: str, lanes: int) -> str:
    """A square of vectors transposed: pairs of blocks trade places, of one entry, two, four and so on."""
    count = lanes if kind == "f" else lanes // 2
    v = f"vec_{kind}"
    lines = [f"#if LANES == {lanes} && CAN_SHUFFLE", f"static inline void turn_{kind}({v} *r) {{"]
    step = 1
    while step < count:
        for i in range(count):
            if i & step:
                continue
            j = i + step
            low = [lane if not lane & step else count + lane - step for lane in range(count)]
            high = [lane + step if not lane & step else count + lane for lane in range(count)]
            lines.append(
                f"    {{ {v} x = r[{i}], y = r[{j}];"
                f" r[{i}] = __builtin_shufflevector(x, y, {', '.join(map(str, low))});"
                f" r[{j}] = __builtin_shufflevector(x, y, {', '.join(map(str, high))}); }}"
            )
        step *= 2
    return "\n".join([*lines, "}", "#endif", ""])


# Compilers that cannot shuffle vectors turn them entry by entry.
_TURN = """\
#if !CAN_SHUFFLE
static inline void turn_@k(vec_@k *r) {
    @c *x = (@c *)r;
    for (long i = 0; i < L_@k; i++)
        for (long j = 0; j < i; j++) {
            @c kept = x[i * L_@k + j];
            x[i * L_@k + j] = x[j * L_@k + i], x[j * L_@k + i] = kept;
        }
}
#endif
"""
_THIN = """\
/* A matrix times a vector: sums along rows where these are contiguous, else of columns. */
static inline __attribute__((always_inline)) void thin_part_@k(long m, long k, @c *c,
        const @c *a, const @c *b, long crow, long arow, long acolumn, long brow) {
    if (arow == 1 && crow == 1 && acolumn != 1) {
        for (long i = 0; i < m; i++) c[i] = 0;
        long p = 0;
        for (; p + 4 <= k; p += 4) {
            const @c *x = a + p * acolumn;
            @c b0 = b[p * brow], b1 = b[(p + 1) * brow], b2 = b[(p + 2) * brow], b3 = b[(p + 3) * brow];
            #pragma GCC ivdep
            for (long i = 0; i < m; i++)
                c[i] += (x[i] * b0 + x[i + acolumn] * b1)
                    + (x[i + 2 * acolumn] * b2 + x[i + 3 * acolumn] * b3);
        }
        for (; p < k; p++) {
            const @c *x = a + p * acolumn, y = b[p * brow];
            #pragma GCC ivdep
            for (long i = 0; i < m; i++) c[i] += x[i] * y;
        }
        return;
    }
    for (long i = 0; i < m; i++) {
        const @c *x = a + i * arow;
        @c sum = 0;
        long p = 0;
        if (acolumn == 1 && brow == 1) {
            vec_@k t[4] = {0};
            for (; p + 4 * L_@k <= k; p += 4 * L_@k)
                for (long s = 0; s < 4; s++)
                    t[s] += *(const loose_@k *)(x + p + s * L_@k) * *(const loose_@k *)(b + p + s * L_@k);
            for (; p + L_@k <= k; p += L_@k) t[0] += *(const loose_@k *)(x + p) * *(const loose_@k *)(b + p);
            t[0] = (t[0] + t[1]) + (t[2] + t[3]);
            for (long s = 0; s < L_@k; s++) sum += t[0][s];
        }
        for (; p < k; p++) sum += x[p * acolumn] * b[p * brow];
        c[i * crow] = sum;
    }
}
typedef struct { long m, n, k; @c *c, *a, *b; long crow, arow, acolumn, brow, bcolumn; } product_of_@k;

static void thin_share_@k(long part, long parts, void *given) {
    product_of_@k p = *(product_of_@k *)given;
    long from = p.m * part / parts, to = p.m * (part + 1) / parts;
    p.c += from * p.crow, p.a += from * p.arow;
    thin_part_@k(to - from, p.k, p.c, p.a, p.b, p.crow, p.arow, p.acolumn, p.brow);
}
static inline __attribute__((always_inline)) void thin_@k(long m, long n, long k, @c *c, @c *a, @c *b,
        long crow, long ccolumn, long arow, long acolumn, long brow, long bcolumn, int is_shared) {
    (void)ccolumn;
    product_of_@k p = {m, n, k, c, a, b, crow, arow, acolumn, brow, bcolumn};
    if (is_shared) share(thin_share_@k, &p, threads);
    else thin_part_@k(m, k, c, a, b, crow, arow, acolumn, brow);
}
"""
_PRODUCT = """\
/* Lines `count` of which have `k` entries, `apart` from each other, as panels of `size` lines; each line is
   contiguous if `next` is 1. A panel has the first entry of each of its lines, the second, and so on, and
   zeros for the lines that are not there. It may write a vector more than that. */
static inline __attribute__((always_inline)) void panels_@k(
        long count, long k, const @c *x, long apart, long next, @c *t, long size) {
    /* Entries of different lines that are next to each other are read from end to end. */
    long whole = apart == 1 ? count / size * size : 0;
    for (long p = 0; p < k; p++)
        for (long i = 0; i < whole; i += size)
            memcpy(t + i * k + p * size, x + i + p * next, size * sizeof(@c));
    t += whole * k;
    for (long i = whole; i < count; i += size, t += k * size) {
        long lines = least(size, count - i), p = 0;
        const @c *from = x + i * apart;
        /* Squares of entries are turned in registers. A vector may reach into the next line of the panel:
           the beginning of that is written later. */
        for (; next == 1 && p + L_@k <= k; p += L_@k)
            for (long q = (size - 1) / L_@k * L_@k; q >= 0; q -= L_@k) {
                vec_@k r[LANES * 4 / sizeof(@c)];
                for (long s = 0; s < L_@k; s++) {
                    r[s] = (vec_@k){0};
                    if (q + s < lines) r[s] = *(const loose_@k *)(from + (q + s) * apart + p);
                }
                turn_@k(r);
                for (long s = 0; s < L_@k; s++) *(loose_@k *)(t + (p + s) * size + q) = r[s];
            }
        for (; p < k; p++)
            for (long s = 0; s < size; s++) t[p * size + s] = s < lines ? from[s * apart + p * next] : 0;
    }
}
static ONCE void rows_@k(long m, long k, const @c *a, long row, long column, @c *t) {
    panels_@k(m, k, a, row, column, t, ROWS);
}
static ONCE void columns_@k(long n, long k, const @c *b, long row, long column, @c *t, int is_slim) {
    if (is_slim) panels_@k(n, k, b, column, row, t, L_@k);
    else panels_@k(n, k, b, column, row, t, COLUMNS_@k);
}
static ONCE void block_@k(long m, long n, long k, @c *c, const @c *a, const @c *b, long crow,
        long arow, long acolumn, long brow, long bcolumn) {
    int is_slim = n <= L_@k;
    long width = is_slim ? L_@k : COLUMNS_@k;
    /* An operand that lies like a panel and is read only a few times is not copied. */
    int a_stays = arow == 1 && n <= width, b_stays = bcolumn == 1 && m <= 8 * ROWS;
    long parts = (k + DEEP - 1) / DEEP, deep = parts ? (k + parts - 1) / parts : 0;
    long tall = least(m + ROWS, TALL);
    @c *as = (@c *)room_of((deep * (width + tall) + 4 * LANES) * sizeof(@c));
    @c *bs = as + (deep * tall + 2 * LANES) / LANES * LANES;
    for (long p = 0; p < k; p += deep)
        for (long i = 0; i < m; i += TALL) {
            long mm = least(TALL, m - i), kk = least(deep, k - p), whole = a_stays ? mm / ROWS * ROWS : 0;
            rows_@k(mm - whole, kk, a + (i + whole) * arow + p * acolumn, arow, acolumn, as + whole * kk);
            for (long j = 0; j < n; j += width) {
                long w = least(width, n - j), bnext = width;
                const @c *y = b + p * brow + j * bcolumn;
                int is_panel = bcolumn == 1 && w == width;
                /* The first tile of rows copies what it reads of a panel for the others. */
                int copies = is_panel && !b_stays && !is_slim && mm >= ROWS;
                if (copies || (is_panel && b_stays)) bnext = brow;
                else columns_@k(w, kk, y, brow, bcolumn, bs, is_slim), y = bs;
                for (long ii = 0; ii < mm; ii += ROWS) {
                    @c *at = c + (i + ii) * crow + j;
                    int stays = ii < whole;
                    const @c *x = stays ? a + i + ii + p * acolumn : as + ii * kk;
                    long anext = stays ? acolumn : ROWS, h = least(ROWS, mm - ii);
                    if (h < ROWS || w < width)
                        part_@k(kk, x, anext, y, bnext, at, crow, p > 0, is_slim, h, w);
                    else if (is_slim) slim_@k(kk, x, anext, y, bnext, at, crow, p > 0);
                    else if (copies) {
                        copying_@k(kk, x, anext, y, bnext, at, crow, p > 0, bs);
                        copies = 0, y = bs, bnext = width;
                    } else wide_@k(kk, x, anext, y, bnext, at, crow, p > 0);
                }
            }
        }
    if (!k)
        for (long i = 0; i < m; i++) memset(c + i * crow, 0, n * sizeof(@c));
}
/* A part of the columns or of the rows, whichever there are more of. */
static void product_share_@k(long part, long parts, void *given) {
    product_of_@k p = *(product_of_@k *)given;
    int is_wide = p.n >= p.m;
    long panel = is_wide ? COLUMNS_@k : ROWS, size = is_wide ? p.n : p.m, panels = (size + panel - 1) / panel;
    long from = panels * part / parts * panel, to = least(size, panels * (part + 1) / parts * panel);
    if (from >= to) return;
    if (is_wide) p.c += from, p.b += from * p.bcolumn, p.n = to - from;
    else p.c += from * p.crow, p.a += from * p.arow, p.m = to - from;
    block_@k(p.m, p.n, p.k, p.c, p.a, p.b, p.crow, p.arow, p.acolumn, p.brow, p.bcolumn);
}
/* A part of the sum, if the result is a single tile: `c` holds one after the other. */
static void depth_share_@k(long part, long parts, void *given) {
    product_of_@k p = *(product_of_@k *)given;
    long from = p.k * part / parts, to = p.k * (part + 1) / parts;
    block_@k(p.m, p.n, to - from, p.c + part * p.m * p.n, p.a + from * p.acolumn, p.b + from * p.brow,
        p.n, p.arow, p.acolumn, p.brow, p.bcolumn);
}
static ONCE void product_@k(long m, long n, long k, @c *c, @c *a, @c *b, long crow, long ccolumn,
        long arow, long acolumn, long brow, long bcolumn, int is_shared) {
    (void)ccolumn;
    product_of_@k p = {m, n, k, c, a, b, crow, arow, acolumn, brow, bcolumn};
    if (!is_shared) block_@k(m, n, k, c, a, b, crow, arow, acolumn, brow, bcolumn);
    else if (m > ROWS || n > COLUMNS_@k) share(product_share_@k, &p, threads);
    else {
        long parts = least(threads, MOST);
        @c sums[MOST * ROWS * COLUMNS_@k];
        p.c = sums;
        share(depth_share_@k, &p, parts);
        for (long i = 0; i < m; i++)
            for (long j = 0; j < n; j++) {
                @c sum = sums[i * n + j];
                for (long t = 1; t < parts; t++) sum += sums[(t * m + i) * n + j];
                c[i * crow + j] = sum;
            }
    }
}
"""
