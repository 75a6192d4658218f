"""Train on the digits: NumPy tuned by hand. Arguments: the CSV file, the weights' file, epochs.

The file is read by one call, the rows of an epoch are put in order at once, nothing is made in a step, and
parameters, gradients and velocities are one vector each. Products this small are computed sooner by one
thread.
"""

import os
import sys

os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy as np

B, RATE, MOMENTUM = 32, np.float32(0.05), np.float32(0.9)


def read(name):
    """The table. Digits are small numbers, so that `numpy.fromstring` reads them all at once."""
    with open(name, encoding="ascii") as file:
        columns = file.readline().count(",") + 1
        return np.fromstring(file.read().replace("\n", ","), np.float32, sep=",").reshape(-1, columns)


def views(vector):
    W1, b1, W2, b2 = np.split(vector, np.cumsum([64 * 64, 64, 64 * 10]))
    return W1.reshape(64, 64), b1, W2.reshape(64, 10), b2


def main(name, output, epochs):
    table = read(name)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(table))
    table = table[order]
    X, Y = table[:, :64] / 16, table[:, 64].astype(np.intp)
    count = round(0.2 * len(table))
    held_x, held_y, X, Y = X[:count], Y[:count], X[count:], Y[count:]
    size = 64 * 64 + 64 + 64 * 10 + 10
    weight, gradient, velocity = (np.zeros(size, np.float32) for _ in range(3))
    W1, b1, W2, b2 = views(weight)
    g1, gb1, g2, gb2 = views(gradient)
    for W in (W1, W2):
        reach = np.sqrt(6 / sum(W.shape))
        W[...] = rng.uniform(-reach, reach, W.shape)
    places = {n: _Places(n) for n in {B, len(X) % B} - {0}}
    dot, add, subtract, multiply, maximum = np.dot, np.add, np.subtract, np.multiply, np.maximum
    rows, right = np.empty_like(X), np.empty_like(Y)
    for epoch in range(epochs):
        order = rng.permutation(len(X))
        X.take(order, 0, rows)
        Y.take(order, 0, right)
        for i in range(0, len(X), B):
            x, y = rows[i : i + B], right[i : i + B]
            of = places[len(x)]
            h, d, on, s, peak, total = of.h, of.d, of.on, of.scores, of.peak, of.total
            dot(x, W1, h)
            add(h, b1, h)
            maximum(h, 0, out=h)
            dot(W2.T, h.T, s)
            add(s, b2[:, None], s)
            maximum.reduce(s, 0, None, peak)
            subtract(s, peak, s)
            np.exp(s, s)
            add.reduce(s, 0, None, total)
            np.divide(of.scale, total, total)
            multiply(s, total, s)
            s[y, of.along] -= of.scale
            dot(h.T, s.T, g2)
            dot(s, of.ones, gb2)
            dot(s.T, W2.T, d)
            np.greater(h, 0, on)
            multiply(d, on, d)
            dot(x.T, d, g1)
            dot(of.ones, d, gb1)
            multiply(velocity, MOMENTUM, velocity)
            subtract(velocity, gradient, velocity)
            add(weight, velocity, weight)
        scores = maximum(held_x @ W1 + b1, 0) @ W2 + b2
        scores -= scores.max(axis=1, keepdims=True)
        loss = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(count), held_y]
        print(f"{epoch + 1}  loss {loss.mean():.4f}  accuracy {(scores.argmax(1) == held_y).mean():.4f}")
    np.savez(output, W1=W1, b1=b1, W2=W2, b2=b2)


class _Places:
    """Where a step on `n` rows keeps its numbers."""

    def __init__(self, n):
        self.h, self.d = np.empty((2, n, 64), np.float32)
        self.on = np.empty((n, 64), bool)
        self.scores = np.empty((10, n), np.float32)
        self.peak, self.total = np.empty((2, n), np.float32)
        self.ones, self.along, self.scale = np.ones(n, np.float32), np.arange(n), RATE / np.float32(n)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
