"""Train on the digits: NumPy as a textbook has it. Arguments: the CSV file, the weights' file, epochs."""

import sys

import numpy as np

table = np.loadtxt(sys.argv[1], delimiter=",", skiprows=1, dtype=np.float32)
rng = np.random.default_rng(0)
order = rng.permutation(len(table))
held = order[: round(0.2 * len(table))]
X, Y = table[:, :64] / 16, table[:, 64].astype(int)
train = order[len(held) :]


def start(inputs, outputs):
    reach = np.sqrt(6 / (inputs + outputs))
    return rng.uniform(-reach, reach, (inputs, outputs)).astype(np.float32)


params = [start(64, 64), np.zeros(64, np.float32), start(64, 10), np.zeros(10, np.float32)]
velocities = [np.zeros_like(p) for p in params]


def forward(x, y):
    W1, b1, W2, b2 = params
    h = np.maximum(x @ W1 + b1, 0)
    scores = h @ W2 + b2
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = powers / powers.sum(axis=1, keepdims=True)
    return h, p, -np.log(p[np.arange(len(y)), y]).mean()


for epoch in range(int(sys.argv[3])):
    rng.shuffle(train)
    for i in range(0, len(train), 32):
        x, y = X[train[i : i + 32]], Y[train[i : i + 32]]
        h, d, loss = forward(x, y)
        d[np.arange(len(y)), y] -= 1
        d /= len(y)
        dh = (d @ params[2].T) * (h > 0)
        gradients = [x.T @ dh, dh.sum(axis=0), h.T @ d, d.sum(axis=0)]
        for p, v, g in zip(params, velocities, gradients, strict=True):
            v *= 0.9
            v -= 0.05 * g
            p += v
    _, p, loss = forward(X[held], Y[held])
    print(f"{epoch + 1}  loss {loss:.4f}  accuracy {(p.argmax(axis=1) == Y[held]).mean():.4f}")
np.savez(sys.argv[2], **dict(zip(("W1", "b1", "W2", "b2"), params, strict=True)))
