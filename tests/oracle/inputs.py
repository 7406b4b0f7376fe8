"""What a model sees of bytes and of tables, by PyTorch and NumPy: writes fixtures/inputs.json. See README.md.

Scaling is torchvision's ToTensor (a byte as float32, divided by 255) and Normalize (minus mean, divided by std, in float32), spelled out in torch. Constants of the data
themselves are NumPy's, in float64.
"""

import json
import pathlib

import numpy as np
import torch

RNG = np.random.default_rng(12)
EXAMPLES, SHAPE = 6, (2, 3, 2)
MEAN, STD = [0.4914, 0.1307], [0.247, 0.3081]


def normalized(values, mean, std):
    """Normalize of a batch whose second axis are the channels."""
    axes = (1, -1) + (1,) * (values.dim() - 2)
    mean, std = (torch.tensor(part, dtype=torch.float32).view(axes) for part in (mean, std))
    return values.sub(mean).div(std)


def listed(values):
    return [float(value) for value in values.flatten()]


def constants(values):
    """Mean and deviation of each channel, n in the denominator; a channel that never changes has deviation 1."""
    axes = (0,) + tuple(range(2, values.ndim))
    std = values.std(axis=axes)
    return values.mean(axis=axes), np.where(std == 0.0, 1.0, std)


def left_out(values):
    """Per example: all examples, normalised by the constants of the others."""
    cases = []
    for example in range(len(values)):
        others = np.delete(values.numpy().astype(np.float64), example, axis=0)
        cases.append(listed(normalized(values, *constants(others))))
    return cases


def main():
    train = RNG.integers(0, 256, size=(EXAMPLES, *SHAPE), dtype=np.uint8)
    train[:, 1] //= 3
    test = RNG.integers(0, 256, size=(2, *SHAPE), dtype=np.uint8)
    unit = torch.from_numpy(train).to(torch.float32).div(255)
    raw = torch.from_numpy(train).to(torch.float32)
    # A column of large numbers, one of small ones, one that never changes.
    table = np.stack([RNG.normal(50_000, 20_000, EXAMPLES), RNG.normal(0, 0.01, EXAMPLES), np.full(EXAMPLES, 7.0)], axis=1)
    table = torch.from_numpy(np.round(table, 3).astype(np.float32))
    fixture = {
        "shape": SHAPE,
        "train": train.flatten().tolist(),
        "test": test.flatten().tolist(),
        "mean": MEAN,
        "std": STD,
        "unit": listed(unit),
        "unit_test": listed(torch.from_numpy(test).to(torch.float32).div(255)),
        "raw": listed(raw),
        "half": listed(raw * 0.5),
        "constants": listed(normalized(unit, MEAN, STD)),
        "one_for_all": listed(normalized(unit, MEAN[:1], STD[:1])),
        "set": left_out(unit),
        "table": listed(table),
        "table_set": left_out(table),
    }
    path = pathlib.Path(__file__).parent / "fixtures" / "inputs.json"
    path.write_text(json.dumps(fixture) + "\n")


main()
