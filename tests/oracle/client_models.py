"""Puts the models of a run's clients together from its checkpoints, by docs/records.md: see README.md.

Holds their accuracy and loss on the test examples to what the run recorded, and writes their values.
"""

import json
import pathlib

import numpy
import torch
from safetensors import safe_open
from torch import nn

FOLDER = pathlib.Path(__file__).parent / "fixtures" / "client_models"
ORDER = ["fc1", "norm", "out"]
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def layer(name):
    return name.rsplit(".", 1)[0]


def client_model(path, client, keeps_statistics):
    """The shared tensors; over them what the client keeps, but for layers averaged since its last round."""
    with safe_open(path, "pt") as file:
        head = json.loads(file.metadata()["fedlayer"])["head"]
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    model = {name: t for name, t in tensors.items() if not name.startswith("client/")}
    if str(client) not in head["clients"]:
        return model
    last = head["clients"][str(client)]["round"]
    averaged_in = dict(zip(ORDER, head["averaged_in"]))
    for name in model:
        own = tensors.get(f"client/{client}/{name}")
        stays = keeps_statistics and name.endswith(STATISTICS)
        if own is not None and (stays or averaged_in[layer(name)] < last):
            model[name] = own
    return model


def evaluate(model, examples):
    net = nn.Sequential()
    net.add_module("fc1", nn.Linear(4, 3))
    net.add_module("norm", nn.BatchNorm1d(3))
    net.add_module("relu", nn.ReLU())
    net.add_module("out", nn.Linear(3, 3))
    net.load_state_dict(model, strict=True)
    net.double().eval()
    inputs, labels = torch.tensor(examples[:, :4]), torch.tensor(examples[:, 4]).long()
    logits = net(inputs)
    loss = nn.functional.cross_entropy(logits, labels).item()
    return (logits.argmax(1) == labels).double().mean().item(), loss


def main():
    examples = numpy.loadtxt(FOLDER / "test.csv", delimiter=",", skiprows=1)
    cases = {}
    for strategy, keeps, rounds in [("one-layer-rotating", True, [3, 5]), ("all", False, [5])]:
        folder = FOLDER / "run" / strategy / "seed-1"
        records = [json.loads(line) for line in (folder / "rounds.jsonl").read_text().splitlines()]
        for round_ in rounds:
            path = folder / "checkpoints" / f"round-{round_:07}.safetensors"
            models = [client_model(path, client, keeps) for client in range(4)]
            found = numpy.mean([evaluate(model, examples) for model in models], axis=0)
            record = records[round_ - 1]["evaluation"]
            expected = [record["test_accuracy"], record["test_loss"]]
            print(f"{strategy}, round {round_}: {found} of the clients' models, {expected} recorded")
            assert numpy.allclose(found, expected, atol=1e-6)
            for client, model in enumerate(models):
                values = {name: t.reshape(-1).tolist() for name, t in model.items()}
                cases[f"{strategy}:1:{round_}:{client}"] = values
    (FOLDER / "expected.json").write_text(json.dumps(cases) + "\n")
    print("OK")


if __name__ == "__main__":
    main()
