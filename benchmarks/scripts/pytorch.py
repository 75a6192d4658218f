"""Train on the digits: PyTorch as its tutorials have it, batches cut from a tensor.

Arguments: the CSV file, the weights' file, epochs, and `loader` for batches by its DataLoader.
"""

import sys

import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
table = torch.from_numpy(np.loadtxt(sys.argv[1], delimiter=",", skiprows=1, dtype=np.float32))
X, Y = table[:, :64] / 16, table[:, 64].long()
order = torch.randperm(len(table))
held, train = order[: round(0.2 * len(table))], order[round(0.2 * len(table)) :]
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
loss_of = nn.CrossEntropyLoss()


def batches():
    if sys.argv[4:] == ["loader"]:
        data = torch.utils.data.TensorDataset(X[train], Y[train])
        yield from torch.utils.data.DataLoader(data, batch_size=32, shuffle=True)
        return
    for rows in train[torch.randperm(len(train))].split(32):
        yield X[rows], Y[rows]


for epoch in range(int(sys.argv[3])):
    for x, y in batches():
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        scores = model(X[held])
        accuracy = (scores.argmax(dim=1) == Y[held]).float().mean()
        print(f"{epoch + 1}  loss {loss_of(scores, Y[held]):.4f}  accuracy {accuracy:.4f}")
first, last = model[0], model[2]
parts = {"W1": first.weight.T, "b1": first.bias, "W2": last.weight.T, "b2": last.bias}
np.savez(sys.argv[2], **{name: p.detach().numpy() for name, p in parts.items()})
