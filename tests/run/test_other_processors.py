"""What is written in C is right on a processor that this machine is not: compiled for it, run by an emulator."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from graphlang.plan.c_loops import ELEMENTARY, HEAD, SUMS
from graphlang.plan.c_products import products_text
from graphlang.plan.c_threads import POOL, SHARING
from graphlang.run.native import FLAGS

COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"
ROOT = "/usr/aarch64-linux-gnu"

# Every product of these sizes, in all layouts, alone and shared, beside the sums in float64.
PROGRAM = (
    """\
#include <stdio.h>
int start(int);
void pool_share(part_t, void *, long);
static double drawn(void) {
    static unsigned long seed = 1;
    seed = seed * 6364136223846793005UL + 1442695040888963407UL;
    return (double)(seed >> 40) / (1 << 24) - 0.5;
}
static const long SIZES[][3] = {
    {1, 1, 1}, {5, 7, 3}, {12, 32, 384}, {13, 33, 385}, {70, 1, 40}, {257, 16, 9}, {283, 70, 320}, {36, 24, 301}
};
"""
    + "".join(
        """\
static int wrong_@k(const long *size, int a_turned, int b_turned, int shared) {
    long m = size[0], n = size[1], k = size[2], wrong = 0;
    @c *a = malloc(m * k * sizeof(@c)), *b = malloc(k * n * sizeof(@c)), *c = malloc(m * n * sizeof(@c));
    for (long i = 0; i < m * k; i++) a[i] = drawn();
    for (long i = 0; i < k * n; i++) b[i] = drawn();
    long ar = a_turned ? 1 : k, ac = a_turned ? m : 1, br = b_turned ? 1 : n, bc = b_turned ? k : 1;
    if (n == 1) thin_@k(m, n, k, c, a, b, n, 1, ar, ac, br, bc, shared);
    else product_@k(m, n, k, c, a, b, n, 1, ar, ac, br, bc, shared);
    for (long i = 0; i < m; i++)
        for (long j = 0; j < n; j++) {
            double sum = 0;
            for (long p = 0; p < k; p++) sum += (double)a[i * ar + p * ac] * b[p * br + j * bc];
            wrong += !(sum - c[i * n + j] < 1e-4 && c[i * n + j] - sum < 1e-4);
        }
    free(a), free(b), free(c);
    return wrong;
}
""".replace("@c", c).replace("@k", k)
        for c, k in (("float", "f"), ("double", "d"))
    )
    + """\
int main(void) {
    int wrong = 0;
    start(1), share_by(pool_share, 2);
    for (int s = 0; s < (int)(sizeof SIZES / sizeof *SIZES); s++)
        for (int how = 0; how < 8; how++) {
            wrong += wrong_f(SIZES[s], how & 1, how >> 1 & 1, how >> 2);
            wrong += wrong_d(SIZES[s], how & 1, how >> 1 & 1, how >> 2);
        }
    printf("%d lanes, %d wrong", LANES, wrong);
    return 0;
}
"""
)


@pytest.mark.slow
@pytest.mark.skipif(
    not (shutil.which(COMPILER) and shutil.which(EMULATOR)), reason=f"needs {COMPILER} and {EMULATOR}"
)
def test_products_and_threads_are_right_on_arm(tmp_path: Path) -> None:
    texts = {
        "products.c": "\n".join([HEAD, ELEMENTARY, SUMS, SHARING, products_text(["f", "d"]), PROGRAM]),
        "pool.c": POOL.replace("void share(", "void pool_share("),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="ascii")
    flags = [flag for flag in FLAGS if flag not in ("-shared", "-fPIC")]
    command = [COMPILER, *flags, "-O3", "-ffp-contract=fast", "-pthread", "-o", "tried", *texts, "-lm"]
    subprocess.run(command, cwd=tmp_path, check=True)
    found = subprocess.run(
        [EMULATOR, "-L", ROOT, str(tmp_path / "tried")], check=True, capture_output=True, text=True
    )
    assert found.stdout == "4 lanes, 0 wrong"
