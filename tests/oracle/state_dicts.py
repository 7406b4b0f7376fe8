"""The same small networks as PyTorch's users save them, for the reader of files: see README.md."""

import copy
import json
import pathlib

import numpy
import torch
from safetensors.torch import save_file, save_model
from torch import nn

FOLDER = pathlib.Path(__file__).parent / "fixtures" / "state_dicts"


class Net(nn.Module):
    """A perceptron with a batch normalisation."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(3, 2)
        self.norm = nn.BatchNorm1d(2)
        self.out = nn.Linear(2, 4)

    def forward(self, x):
        return self.out(torch.relu(self.norm(self.fc1(x))))


class Lightning(nn.Module):
    """A module that has the network as its `model`."""

    def __init__(self, model):
        super().__init__()
        self.model = model


class Tied(nn.Module):
    """An embedding whose weight is the head's, under the names of GPT-2."""

    def __init__(self):
        super().__init__()
        self.transformer = nn.ModuleDict({"wte": nn.Embedding(5, 3), "ln_f": nn.LayerNorm(3)})
        self.lm_head = nn.Linear(3, 5, bias=False)
        self.lm_head.weight = self.transformer["wte"].weight


def tensors(state):
    return {name: tensor.detach().clone().contiguous() for name, tensor in state.items()}


def expected(state):
    """Each tensor as float32, row-major."""
    return {name: t.to(torch.float32).reshape(-1).tolist() for name, t in state.items()}


def main():
    torch.manual_seed(5)
    FOLDER.mkdir(exist_ok=True)
    net = Net()
    net.train()
    for _ in range(3):
        net(torch.randn(6, 3))
    cases = {}

    def write(name, state):
        save_file(tensors(state), FOLDER / f"{name}.safetensors")

    def case(name, state, as_float32):
        write(name, state)
        cases[name] = expected(as_float32)

    plain = net.state_dict()
    case("plain", plain, plain)
    case("data-parallel", nn.DataParallel(net).state_dict(), plain)
    case("compiled", torch.compile(net).state_dict(), plain)
    case("lightning-compiled-parallel", Lightning(nn.DataParallel(torch.compile(net))).state_dict(), plain)
    for kind in ["bfloat16", "float16", "float64"]:
        cast = copy.deepcopy(net).to(getattr(torch, kind)).state_dict()
        case(kind, cast, cast)
    uncounted = {name: t for name, t in plain.items() if not name.endswith("num_batches_tracked")}
    zero = torch.zeros_like(plain["norm.num_batches_tracked"])
    case("uncounted", uncounted, plain | {"norm.num_batches_tracked": zero})

    tied = Tied()
    one = {name: t for name, t in tied.state_dict().items() if name != "lm_head.weight"}
    case("tied-both", tied.state_dict(), one)
    save_model(tied, str(FOLDER / "tied-save-model.safetensors"))
    cases["tied-save-model"] = expected(one)
    case("tied-body", one, one)
    untied = tied.state_dict() | {"lm_head.weight": tied.lm_head.weight + 1}
    write("tied-different", untied)
    (FOLDER / "expected.json").write_text(json.dumps(cases) + "\n")

    torch.save(plain, FOLDER / "state_dict.pt")
    torch.save(plain, FOLDER / "old.pt", _use_new_zipfile_serialization=False)
    torch.save({"epoch": 3, "state_dict": plain}, FOLDER / "checkpoint.pt")
    torch.save(nn.Linear(1, 1), FOLDER / "module.pth")
    torch.save(plain["fc1.weight"], FOLDER / "tensor.pt")
    numpy.savez(FOLDER / "arrays.npz", **{name: t.numpy() for name, t in uncounted.items()})
    print("OK")


if __name__ == "__main__":
    main()
