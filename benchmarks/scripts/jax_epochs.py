"""Train on the digits: JAX, one jitted call an epoch. Arguments: the CSV file, the weights' file, epochs."""

import sys

import jax
import jax.numpy as jnp
import numpy as np

table = np.loadtxt(sys.argv[1], delimiter=",", skiprows=1, dtype=np.float32)
rng = np.random.default_rng(0)
order = rng.permutation(len(table))
count = round(0.2 * len(table))
X, Y = table[:, :64] / 16, table[:, 64].astype(np.int32)
held_x, held_y, train = X[order[:count]], Y[order[:count]], order[count:]


def start(inputs, outputs):
    reach = np.sqrt(6 / (inputs + outputs))
    return rng.uniform(-reach, reach, (inputs, outputs)).astype(np.float32)


params = {"W1": start(64, 64), "b1": np.zeros(64), "W2": start(64, 10), "b2": np.zeros(10)}
params = {name: jnp.asarray(p, jnp.float32) for name, p in params.items()}
velocity = {name: jnp.zeros_like(p) for name, p in params.items()}


def evaluate(p, x, y):
    scores = jax.nn.relu(x @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]
    loss = -jnp.take_along_axis(jax.nn.log_softmax(scores), y[:, None], axis=1).mean()
    return loss, (scores.argmax(axis=1) == y).mean()


def step(state, rows):
    params, velocity = state
    g = jax.grad(lambda p: evaluate(p, *rows)[0])(params)
    velocity = jax.tree.map(lambda v, g: 0.9 * v - 0.05 * g, velocity, g)
    return (jax.tree.map(jnp.add, params, velocity), velocity), None


@jax.jit
def epoch_of(state, x, y, last):
    state, _ = jax.lax.scan(step, state, (x, y))
    return step(state, last)[0]


measured = jax.jit(evaluate)
whole = len(train) // 32 * 32
for epoch in range(int(sys.argv[3])):
    order = rng.permutation(train)
    x, y = X[order], Y[order]
    batches = x[:whole].reshape(-1, 32, 64), y[:whole].reshape(-1, 32)
    params, velocity = epoch_of((params, velocity), *batches, (x[whole:], y[whole:]))
    loss, accuracy = measured(params, held_x, held_y)
    print(f"{epoch + 1}  loss {loss:.4f}  accuracy {accuracy:.4f}")
np.savez(sys.argv[2], **{name: np.asarray(p) for name, p in params.items()})
