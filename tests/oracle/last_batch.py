"""Training with and without the last, smaller batch of an epoch, by PyTorch's own DataLoader: writes fixtures/last_batch.json and fixtures/statless.pt. See README.md."""

import json
import pathlib

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXTURES = pathlib.Path(__file__).parent / "fixtures"
FEATURES, CLASSES, EXAMPLES, BATCH, EPOCHS, LR = 4, 3, 7, 3, 2, 0.1
MODEL = {"layers": [{"linear": {"out": 5}}, {"norm": {"kind": "batch"}}, "tanh", {"linear": {"out": CLASSES}}]}


def network():
    return nn.Sequential(nn.Linear(FEATURES, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, CLASSES))


def flat(module):
    return [float(value) for tensor in module.state_dict().values() for value in tensor.flatten()]


def trained(module, inputs, labels, order, drop_last):
    """The module after its epochs in float64, each in its order; where the loader drops nothing, batch normalisation sees one example last."""
    module = module.double().train()
    optimizer = torch.optim.SGD(module.parameters(), lr=LR)
    data = TensorDataset(inputs.double(), labels)
    for epoch in order:
        for batch, targets in DataLoader(data, batch_size=BATCH, sampler=epoch, drop_last=drop_last):
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(batch), targets).backward()
            optimizer.step()
    return module


def main():
    torch.manual_seed(12)
    inputs, labels = torch.randn(EXAMPLES, FEATURES), torch.randint(CLASSES, (EXAMPLES,))
    order = [torch.randperm(EXAMPLES).tolist() for _ in range(EPOCHS)]
    start = network()
    before = start.state_dict()

    def fresh():
        module = network()
        module.load_state_dict(before)
        return module

    try:
        trained(fresh(), inputs, labels, order, drop_last=False)
        refused = None
    except ValueError as error:
        refused = str(error)
    fixture = {
        "model": MODEL, "lr": LR, "batch": BATCH, "features": FEATURES, "classes": CLASSES,
        "inputs": inputs.tolist(), "labels": labels.tolist(), "order": [row for epoch in order for row in epoch],
        "before": flat(start),
        "drop": flat(trained(fresh(), inputs, labels, order, drop_last=True)),
        "refused": refused,
    }
    # The same with a batch of two left over: nothing is refused, and the last batch is a step.
    fixture["keep"] = flat(trained(fresh(), inputs[:5], labels[:5], [[r for r in epoch if r < 5] for epoch in order], drop_last=False))
    (FIXTURES / "last_batch.json").write_text(json.dumps(fixture) + "\n")
    # A module whose normalisation keeps no statistics: nothing in its file says that it needs two examples.
    statless = nn.Sequential(nn.Linear(FEATURES, 5), nn.BatchNorm1d(5, track_running_stats=False), nn.Linear(5, CLASSES))
    torch.jit.script(statless).save(FIXTURES / "statless.pt")


main()
