"""Modules that cannot be trained as they are: writes fixtures/odd/*.pt and what is odd about them. See README.md.

Each takes images of one channel and 4 × 4 pixels and should give logits of 3 classes.
"""

import pathlib
import warnings
import zipfile
from typing import Dict, List, Tuple

import torch
from torch import nn
from torch.nn import functional

FOLDER = pathlib.Path(__file__).parent / "fixtures" / "odd"


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(16, 3)

    def forward(self, x):
        return self.fc(x.flatten(1))


class Pair(Plain):
    def forward(self, x) -> Tuple[torch.Tensor, torch.Tensor]:
        logits = self.fc(x.flatten(1))
        return logits, logits


class Names(Plain):
    def forward(self, x) -> Dict[str, torch.Tensor]:
        return {"logits": self.fc(x.flatten(1))}


class Parts(Plain):
    def forward(self, x) -> List[torch.Tensor]:
        return [self.fc(x.flatten(1))]


class Wide(Plain):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(17, 3)


class Raises(Plain):
    def forward(self, x):
        if x.size(1) != 3:
            raise ValueError("three channels, please")
        return self.fc(x.flatten(1))


class Cuda(Plain):
    def forward(self, x):
        return self.fc(x.flatten(1).to("cuda"))


class Tokens(Plain):
    def __init__(self):
        super().__init__()
        self.fc = nn.Embedding(2, 3)

    def forward(self, x):
        return self.fc(x.flatten(1)).sum(1)


class Masked(Plain):
    def forward(self, x, mask):
        return self.fc((x * mask).flatten(1))


class Nan(Plain):
    def forward(self, x):
        return torch.log(-1 - self.fc(x.flatten(1)).abs())


class Steep(Plain):
    """Its loss is finite; the derivative of the root at 0 is not."""

    def forward(self, x):
        return torch.sqrt((self.fc(x.flatten(1)) * 0).abs()) + self.fc(x.flatten(1))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(16, 16)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.fc(x))


class Drops(Plain):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block()])

    def forward(self, x):
        x = x.flatten(1)
        for block in self.blocks:
            x = block(x)
        return functional.dropout(self.fc(x), 0.2, self.training)


class Norms(Plain):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2))
        self.fc = nn.Linear(32, 3)

    def forward(self, x):
        return self.fc(self.body(x).flatten(1))


class Counts(Plain):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x):
        self.calls += 1
        return self.fc(x.flatten(1)) * self.calls


class Attends(Plain):
    """The backward pass of fused attention has no derivative."""

    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(4, 12)

    def forward(self, x):
        query, key, value = self.qkv(x.unsqueeze(2).squeeze(1)).chunk(3, -1)
        return self.fc(functional.scaled_dot_product_attention(query, key, value).flatten(1))


class Fussy(Plain):
    def forward(self, x):
        if self.training and x.size(0) < 3:
            raise ValueError("more examples, please")
        return self.fc(x.flatten(1))


class Twofold(Plain):
    def forward(self, x):
        logits = self.fc(x.flatten(1))
        return torch.cat([logits, logits], 1) if self.training else logits


class Rarely(Plain):
    """Few values are dropped: on two inputs mostly none."""

    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.01)

    def forward(self, x):
        return self.fc(self.drop(x.flatten(1)))


class Nothing(Rarely):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.0)


class Sometimes(Plain):
    def forward(self, x):
        logits = self.fc(x.flatten(1))
        if bool(x.sum() > 1e9):
            logits = logits + torch.randn_like(logits)
        return logits


class Ages(Plain):
    """Does something else from the hundredth call on."""

    def __init__(self):
        super().__init__()
        self.age = 0

    def forward(self, x):
        self.age += 1
        return self.fc(x.flatten(1)) * (2.0 if self.age > 100 else 1.0)


class Shrinks(Plain):
    def forward(self, x):
        logits = self.fc(x.flatten(1))
        if self.training:
            self.fc.weight.detach().mul_(0.5)
        return logits


class Couple(Plain):
    def forward(self, x):
        return self.fc(x.reshape(2, 16))


@torch.jit.script
def noisy(x: torch.Tensor) -> torch.Tensor:
    if bool(x.sum() > 1e9):
        x = x + torch.randn_like(x)
    return x


class Helped(Plain):
    """The random numbers are in a function beside the classes."""

    def forward(self, x):
        return noisy(self.fc(x.flatten(1)))


@torch.jit.script
def waiting(x: torch.Tensor) -> torch.Tensor:
    if bool(x.sum() > 1e9):
        x = x + torch.zeros_like(x).exponential_()
    return x


class Waits(Plain):
    """They are of another distribution."""

    def forward(self, x):
        return waiting(self.fc(x.flatten(1)))


class Matures(Plain):
    """Does something else from the sixth call on."""

    def __init__(self):
        super().__init__()
        self.calls = torch.zeros(1)

    def forward(self, x):
        self.calls.add_(1)
        return self.fc(x.flatten(1)) * (2.0 if bool(self.calls > 5) else 1.0)


class Blank(Plain):
    """Not a number outside of training."""

    def forward(self, x):
        logits = self.fc(x.flatten(1))
        return logits if self.training else logits * float("nan")


class Blinds(Plain):
    """Not a number in training."""

    def forward(self, x):
        logits = self.fc(x.flatten(1))
        return logits * float("nan") if self.training else logits


class Overflows(Plain):
    """Its logits are finite; their differences are not."""

    def forward(self, x):
        return torch.tanh(self.fc(x.flatten(1)) * 1e6) * 3e38


class Unfolds(Plain):
    """Twice as many logits, outside of training alone."""

    def forward(self, x):
        logits = self.fc(x.flatten(1))
        return logits if self.training else torch.cat([logits, logits], 1)


class Widens(Plain):
    def forward(self, x):
        return self.fc(x.flatten(1)).double()


class Twice(Plain):
    """Two normalisations, each with buffers."""

    def __init__(self):
        super().__init__()
        self.first = nn.BatchNorm2d(1)
        self.second = nn.BatchNorm2d(1)

    def forward(self, x):
        return self.fc(self.second(self.first(x)).flatten(1))


# Each has a seed of its own, so that a new one changes no other.
LATER = [Helped, Waits, Matures, Blank, Blinds, Overflows, Unfolds, Widens, Twice]


def main():
    warnings.simplefilter("ignore")
    FOLDER.mkdir(exist_ok=True)
    torch.manual_seed(12)
    modules = {
        kind.__name__.lower(): kind()
        for kind in [
            Plain, Pair, Names, Parts, Wide, Raises, Cuda, Tokens, Masked, Nan, Steep, Drops, Norms, Counts,
            Attends, Fussy, Twofold, Rarely, Nothing, Sometimes, Ages, Shrinks, Couple,
        ]
    }
    modules |= {"double": Plain().double(), "half": Plain().half(), "brain": Plain().bfloat16()}
    for kind in LATER:
        torch.manual_seed(13)
        modules[kind.__name__.lower()] = kind()
    for name, module in modules.items():
        save(torch.jit.script(module), name)
    save(torch.jit.freeze(torch.jit.script(Plain().eval())), "frozen")
    inputs = torch.arange(32).remainder(3).clamp_max(1).float().view(2, 1, 4, 4)
    for name in modules:
        print(f"{name}: {verdict(torch.jit.load(FOLDER / f'{name}.pt'), inputs)}")


def save(module, name):
    """Saves a module without the map to its source, which would have this machine's paths in it."""
    file = FOLDER / f"{name}.pt"
    module.save(str(file))
    with zipfile.ZipFile(file) as archive:
        content = {entry: archive.read(entry) for entry in archive.namelist()}
    with zipfile.ZipFile(file, "w") as archive:
        for entry, data in content.items():
            if not entry.endswith(".debug_pkl"):
                archive.writestr(zipfile.ZipInfo(entry), data)


def verdict(module, inputs):
    """What PyTorch says of a module on two inputs."""
    try:
        logits = module(inputs)
        if not isinstance(logits, torch.Tensor):
            return f"returns {type(logits).__name__}"
        loss = functional.cross_entropy(logits, torch.tensor([0, 1]))
        slopes = torch.autograd.grad(loss, list(module.parameters()), create_graph=True)
        if not all(slope.isfinite().all() for slope in slopes):
            return f"loss {loss.item():.4f}, a gradient is not finite"
    except Exception as error:
        return str(error).strip().splitlines()[-1]
    try:
        torch.autograd.grad(sum(slope.sum() for slope in slopes), list(module.parameters()), allow_unused=True)
    except RuntimeError as error:
        return f"loss {loss.item():.4f}, once: {error}"
    repeated = all(torch.equal(module(inputs), logits) for _ in range(5))
    return f"loss {loss.item():.4f}, {'repeated' if repeated else 'not repeated'}"


if __name__ == "__main__":
    main()
