"""The networks of `networks.py`: torchvision's where it has them, the others with plain torch.nn, and the cases made of them."""

import dataclasses
from collections.abc import Callable

import torch
import torchvision
from torch import nn
from torch.nn import functional


class LeNet5(nn.Module):
    """An image of 28 pixels gets a border of 2, so that it has the 32 of the original."""

    def __init__(self, channels, side):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 6, 5, padding=(32 - side) // 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = functional.max_pool2d(self.conv1(x).relu(), 2)
        x = functional.max_pool2d(self.conv2(x).relu(), 2)
        x = self.fc1(x.flatten(1)).relu()
        return self.fc3(self.fc2(x).relu())


class McMahan(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 5, padding="same")
        self.conv2 = nn.Conv2d(32, 64, 5, padding="same")
        self.fc1 = nn.Linear(64 * 7 * 7, 512)
        self.fc2 = nn.Linear(512, 10)

    def forward(self, x):
        x = functional.max_pool2d(self.conv1(x).relu(), 2)
        x = functional.max_pool2d(self.conv2(x).relu(), 2)
        return self.fc2(self.fc1(x.flatten(1)).relu())


class Pfl(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.drop1 = nn.Dropout(0.25)
        self.fc1 = nn.Linear(64 * 14 * 14, 128)
        self.drop2 = nn.Dropout(0.5)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = self.conv2(self.conv1(x).relu()).relu()
        x = self.drop1(functional.max_pool2d(x, 2)).flatten(1)
        return self.fc2(self.drop2(self.fc1(x).relu()))


def vgg_11():
    """torchvision's, its features averaged to one place and its classifier 512 wide."""
    net = torchvision.models.vgg11(num_classes=10)
    net.avgpool = nn.AdaptiveAvgPool2d(1)
    net.classifier[0] = nn.Linear(512, 512)
    net.classifier[3] = nn.Linear(512, 512)
    net.classifier[6] = nn.Linear(512, 10)
    return net


def norm_of(kind, groups):
    """What makes a normalisation of so many channels."""
    return {"none": nn.Identity, "batch": nn.BatchNorm2d, "group": lambda width: nn.GroupNorm(groups, width)}[kind]


def resnet_18(norm):
    """torchvision's, begun as images of 32 pixels want it."""
    net = torchvision.models.resnet18(num_classes=10, norm_layer=norm_of(norm, 32))
    net.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    net.maxpool = nn.Identity()
    return net


class PlainBlock(nn.Module):
    """Two convolutions; the shortcut has no parameters (option A of He et al. 2016)."""

    def __init__(self, narrow, wide, norm):
        super().__init__()
        self.step, self.extra = (1 if narrow == wide else 2), wide - narrow
        self.conv1 = nn.Conv2d(narrow, wide, 3, stride=self.step, padding=1, bias=False)
        self.bn1 = norm(wide)
        self.conv2 = nn.Conv2d(wide, wide, 3, padding=1, bias=False)
        self.bn2 = norm(wide)

    def forward(self, x):
        body = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        front = self.extra // 2
        kept = functional.pad(x[:, :, ::self.step, ::self.step], (0, 0, 0, 0, front, self.extra - front))
        return (body + kept).relu()


class ResNet20(nn.Module):
    def __init__(self, kind):
        super().__init__()
        norm = norm_of(kind, 8)
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = norm(16)
        self.layer1 = nn.Sequential(*[PlainBlock(16, 16, norm) for _ in range(3)])
        self.layer2 = nn.Sequential(PlainBlock(16, 32, norm), *[PlainBlock(32, 32, norm) for _ in range(2)])
        self.layer3 = nn.Sequential(PlainBlock(32, 64, norm), *[PlainBlock(64, 64, norm) for _ in range(2)])
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(self.bn1(self.conv1(x)).relu())))
        return self.fc(x.mean((2, 3)))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)

    def forward(self, x):
        # (batch, context, width) to (batch, heads, context, width of a head), for query, key and value.
        q, k, v = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in self.c_attn(x).chunk(3, 2))
        scores = q @ k.transpose(2, 3) / q.shape[3] ** 0.5
        future = torch.ones(scores.shape[2:], dtype=torch.bool).triu(1)
        weights = scores.masked_fill(future, -torch.inf).softmax(3)
        return self.c_proj((weights @ v).transpose(1, 2).flatten(2))


class GptBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, 4 * width), "c_proj": nn.Linear(4 * width, width)})

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp["c_proj"](functional.gelu(self.mlp["c_fc"](self.ln_2(x))))


class Gpt(nn.Module):
    def __init__(self, depth, width, heads, context, vocabulary, tied):
        super().__init__()
        self.transformer = nn.ModuleDict({
            "wte": nn.Embedding(vocabulary, width),
            "wpe": nn.Embedding(context, width),
            "h": nn.ModuleList([GptBlock(width, heads) for _ in range(depth)]),
            "ln_f": nn.LayerNorm(width),
        })
        self.lm_head = None if tied else nn.Linear(width, vocabulary, bias=False)

    def forward(self, tokens):
        parts = self.transformer
        x = parts["wte"](tokens) + parts["wpe"].weight[:tokens.shape[1]]
        for block in parts["h"]:
            x = block(x)
        x = parts["ln_f"](x)
        return functional.linear(x, parts["wte"].weight) if self.lm_head is None else self.lm_head(x)


# What SpeltResidual and SpeltPools say, as a scenario does.
RESIDUALS = [
    {"conv": {"out": 6, "kernel": 3, "padding": 1, "bias": False}}, {"norm": {"kind": "batch"}}, "relu",
    {"max-pool": {"kernel": 2}},
    {"residual": [
        {"conv": {"out": 8, "kernel": 3, "stride": 2, "padding": 1, "bias": False}}, {"norm": {"kind": "batch"}}, "relu",
        {"conv": {"out": 8, "kernel": 3, "padding": 1}},
    ]},
    "relu",
    {"residual": [{"conv": {"out": 8, "kernel": 1}}, "tanh"]},
    {"residual": [{"norm": {"kind": "group", "groups": 2}}, "sigmoid", {"conv": {"out": 5, "kernel": 3, "padding": 1}}]},
    "global-pool", "flatten", {"linear": {"out": 4}},
]
POOLS = [
    {"conv": {"out": 6, "kernel": 4, "stride": 2, "padding": 1, "name": "stem"}}, "gelu",
    {"avg-pool": {"kernel": 2, "stride": 1}}, {"conv": {"out": 4, "kernel": 2}}, {"norm": {"kind": "group"}}, "gelu",
    {"dropout": 0.25}, "flatten", {"linear": {"out": 7}}, "tanh", {"linear": {"out": 4, "bias": False, "name": "head"}},
]


class SpeltResidual(nn.Module):
    """RESIDUALS: a shortcut that changes channels and places, none, and one that changes channels alone."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 6, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 8, 3, stride=2, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(8)
        self.conv3 = nn.Conv2d(8, 8, 3, padding=1)
        self.shortcut1 = nn.Conv2d(6, 8, 1, stride=2, bias=False)
        self.conv4 = nn.Conv2d(8, 8, 1)
        self.norm3 = nn.GroupNorm(2, 8)
        self.conv5 = nn.Conv2d(8, 5, 3, padding=1)
        self.shortcut3 = nn.Conv2d(8, 5, 1, bias=False)
        self.fc1 = nn.Linear(5, 4)

    def forward(self, x):
        x = functional.max_pool2d(self.norm1(self.conv1(x)).relu(), 2)
        x = (self.conv3(self.norm2(self.conv2(x)).relu()) + self.shortcut1(x)).relu()
        x = self.conv4(x).tanh() + x
        x = self.conv5(self.norm3(x).sigmoid()) + self.shortcut3(x)
        return self.fc1(x.mean((2, 3)))


class SpeltPools(nn.Module):
    """POOLS: layers with names of their own, which count all the same."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 6, 4, stride=2, padding=1)
        self.conv2 = nn.Conv2d(6, 4, 2)
        self.norm1 = nn.GroupNorm(1, 4)
        self.drop = nn.Dropout(0.25)
        self.fc1 = nn.Linear(16, 7)
        self.head = nn.Linear(7, 4, bias=False)

    def forward(self, x):
        x = functional.avg_pool2d(functional.gelu(self.stem(x)), 2, stride=1)
        x = self.drop(functional.gelu(self.norm1(self.conv2(x))))
        return self.head(self.fc1(x.flatten(1)).tanh())


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 16)
        self.fc2 = nn.Linear(16, 12)
        self.out = nn.Linear(12, 10)

    def forward(self, x):
        return self.out(self.fc2(self.fc1(x.flatten(1)).tanh()).tanh())


class Scripted(nn.Module):
    """What fixtures/net.pt is made of."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.fc = nn.Linear(4 * 6 * 6, 3)

    def forward(self, x):
        return self.fc(self.conv(x).relu().flatten(1))


@dataclasses.dataclass
class Case:
    """A network, its data, and how it is trained."""

    name: str
    model: object
    shape: list[int]
    build: Callable[[], nn.Module]
    lr: float
    batch: int = 8
    classes: int = 10
    gain: float = 1.0
    targets: int = 1

    def module(self):
        """The module without dropout: in training it stays where it is, but drops nothing."""
        module = self.build()
        for part in module.modules():
            if isinstance(part, nn.Dropout):
                part.p = 0.0
        return module


IMAGE, DIGIT, SMALL = [3, 32, 32], [1, 28, 28], [2, 8, 8]


def resnets():
    """Both residual networks with each normalisation. Without any they grow with their depth, so their weights are smaller.

    With batch normalisation the images of ResNet-18 are smaller: among the two million activations of larger ones some lie so near to 0 that float32, or another
    layout in memory, has ReLU turn one over (also in PyTorch itself), and a gradient moves by half a percent.
    """
    for norm, gain, lr in [("none", 0.8, 0.0005), ("batch", 1.4, 1e-4), ("group", 1.4, 1e-4)]:
        form = {"norm": norm, "groups": 32} if norm == "group" else {"norm": norm}
        shape = [3, 16, 16] if norm == "batch" else IMAGE
        yield Case(f"resnet-18-{norm}", {"resnet-18": form}, shape, lambda norm=norm: resnet_18(norm), lr, 4, gain=gain)
    for norm, gain, lr in [("none", 0.8, 0.001), ("batch", 1.4, 0.001), ("group", 1.4, 0.001)]:
        yield Case(f"resnet-20-{norm}", {"resnet-20": {"norm": norm}}, IMAGE, lambda norm=norm: ResNet20(norm), lr, gain=gain)


def gpts():
    """A small transformer, whose head is the token embedding or is not."""
    for name, tied in [("gpt-tied", True), ("gpt-untied", False)]:
        form = {"depth": 2, "width": 32, "heads": 4}
        yield Case(name, {"gpt": {**form, "tied": tied}}, [16], lambda tied=tied: Gpt(**form, context=16, vocabulary=19, tied=tied),
                   0.05, classes=19, targets=16)


CASES = [
    Case("lenet-5-28", "lenet-5", DIGIT, lambda: LeNet5(1, 28), 0.02, gain=1.4),
    Case("lenet-5-32", "lenet-5", IMAGE, lambda: LeNet5(3, 32), 0.02, gain=1.4),
    Case("mcmahan-cnn", "mcmahan-cnn", DIGIT, McMahan, 0.01, gain=1.4),
    Case("pfl-cnn", "pfl-cnn", IMAGE, Pfl, 0.003, gain=1.4),
    Case("vgg-11", {"vgg-11": {"dropout": 0.0}}, IMAGE, vgg_11, 0.003, 4, gain=1.4),
    *resnets(),
    *gpts(),
    Case("layers-residual", {"layers": RESIDUALS}, SMALL, SpeltResidual, 0.05, classes=4, gain=1.4),
    Case("layers-pools", {"layers": POOLS}, SMALL, SpeltPools, 0.05, classes=4, gain=1.4),
    Case("mlp", {"mlp": {"hidden": [16, 12], "activation": "tanh"}}, [1, 8, 8], Perceptron, 0.1),
    Case("torchscript", {"torchscript": "net.pt"}, [1, 8, 8], Scripted, 0.05, classes=3),
]
