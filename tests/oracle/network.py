"""The networks of `fedlayer-core/src/spec/model.rs`, written once more with torch.nn, and how fixtures are written."""

import json
import pathlib

import numpy
import torch

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "identity": lambda x: x}


class Network(torch.nn.Module):
    """A network whose parameters come in the layout's order: from the input, weight before bias."""

    def __init__(self, model, features, classes):
        super().__init__()
        kind, form = (model, None) if isinstance(model, str) else next(iter(model.items()))
        self.diagonal = kind == "diagonal-linear"
        self.layers = torch.nn.ModuleDict()
        if self.diagonal:
            self.products = torch.nn.ParameterList(
                [torch.nn.Parameter(torch.empty(classes, features).uniform_(-1, 1)) for _ in range(form)])
            return
        hidden = form["hidden"] if isinstance(form, dict) else form or []
        named = form.get("activation", "relu") if isinstance(form, dict) else "relu"
        self.activation = ACTIVATIONS[named if kind == "mlp" else "identity"]
        for index, width in enumerate(hidden):
            self.layers[f"fc{index + 1}"] = torch.nn.Linear(features, width)
            features = width
        self.layers["out"] = torch.nn.Linear(features, classes)

    def forward(self, x):
        if self.diagonal:
            product = self.products[0]
            for layer in list(self.products)[1:]:
                product = product * layer
            return x @ product.T
        *hidden, out = self.layers.values()
        for layer in hidden:
            x = self.activation(layer(x))
        return out(x)

    def layout(self):
        """(layer, length) of each layer, from the input."""
        return [(name, sum(p.numel() for p in layer.parameters())) for name, layer in self.layers.items()]

    def round_to_f32(self):
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(parameter.float().double())

    def load(self, values):
        """Takes a flat vector as parameters."""
        at = 0
        with torch.no_grad():
            for parameter in self.parameters():
                part = values[at:at + parameter.numel()]
                parameter.copy_(torch.as_tensor(part).view_as(parameter))
                at += parameter.numel()
        return self


def flat(tensors):
    return [value for tensor in tensors for value in tensor.detach().flatten().tolist()]


def labels_of(inputs, classes):
    """A class for each example that can be learnt, but not perfectly."""
    return (inputs @ torch.randn(inputs.shape[1], classes) + torch.randn(len(inputs), classes)).argmax(1)


def rounded(value):
    """Numbers with the fewest digits that name the same float32."""
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    return value if isinstance(value, int) else float(str(numpy.float32(value)))


def write(name, content):
    path = pathlib.Path(__file__).parent / "fixtures" / name
    header = {"made by": "tests/oracle, see its README.md", "torch": torch.__version__.split("+")[0]}
    path.write_text(json.dumps({**header, **content}, separators=(",", ":")) + "\n")
    print(f"{path.name}: {path.stat().st_size} bytes")
