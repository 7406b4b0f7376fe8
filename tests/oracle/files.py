"""Files of one's own as NumPy and PyTorch write and read them: writes fixtures/files.json. See README.md."""

import io
import json
import pathlib

import numpy as np
import torch
from safetensors.torch import save

FIXTURE = pathlib.Path(__file__).parent / "fixtures" / "files.json"
GENERATOR = np.random.default_rng(12)
NAMES = ["a", "b", "c"]


def table(columns):
    """A CSV file with these columns in this order."""
    lines = [",".join(columns)] + [",".join(row) for row in zip(*columns.values())]
    return "\n".join(lines) + "\n"


def by_name(text, names):
    """Columns of a CSV file by their names, (N, len(names))."""
    read = np.genfromtxt(io.StringIO(text), delimiter=",", names=True)
    return np.stack([read[name] for name in names], axis=1)


def accuracy(weight, bias, features, labels):
    return float(np.mean((features @ weight.T + bias).argmax(axis=1) == labels))


def model(weight, bias):
    """A safetensors file of one linear layer `out`, as hexadecimal digits."""
    return save({"out.weight": torch.tensor(weight), "out.bias": torch.tensor(bias)}).hex()


def columns():
    """A test file with the columns of the training file in another order, and a linear model that tells the classes apart by them."""
    centres = np.array([[0, 0, 0], [5, 0, 1], [0, -5, 2]], dtype="f4")
    labels = GENERATOR.integers(0, 3, 60)
    features = centres[labels] + GENERATOR.normal(scale=2, size=(60, 3))
    written = {name: [f"{value:.3f}" for value in column] for name, column in zip(NAMES, features.T)}
    written["y"] = [str(label) for label in labels]
    train = table(written)
    test = table({name: written[name] for name in ["c", "y", "a", "b"]})
    # The nearest centre as a linear layer: ‖x − c‖² = ‖x‖² − 2(c·x − ‖c‖²/2).
    weight, bias = centres, -(centres**2).sum(axis=1) / 2
    read = by_name(test, NAMES).astype("f4")
    labels = by_name(test, ["y"])[:, 0]
    return {
        "train": train,
        "test": test,
        "model": model(weight, bias),
        "features": read.tolist(),
        "labels": labels.astype(int).tolist(),
        "accuracy": accuracy(weight, bias, read, labels),
        "accuracy_in_a_wrong_order": accuracy(weight, bias, by_name(test, ["c", "a", "b"]), labels),
    }


def labels():
    """Twelve classes whose labels are written as floats, one-hot features, and the linear model that is the identity."""
    classes = np.repeat(np.arange(12), 3)
    GENERATOR.shuffle(classes)
    features = 5 * np.eye(12, dtype="f4")[classes]
    written = {f"f{at}": [str(value) for value in column] for at, column in enumerate(features.T)}
    written["y"] = [str(float(label)) for label in classes]
    text = table(written)
    read = by_name(text, [f"f{at}" for at in range(12)])
    weight, bias = np.eye(12, dtype="f4"), np.zeros(12, dtype="f4")
    tensors = {"features": torch.tensor(features), "labels": torch.tensor(classes, dtype=torch.float32)}
    array = io.BytesIO()
    np.save(array, classes.astype("f8"))
    inputs = io.BytesIO()
    np.save(inputs, features)
    return {
        "csv": text,
        "safetensors": save(tensors).hex(),
        "npy": inputs.getvalue().hex(),
        "npy_labels": array.getvalue().hex(),
        "model": model(weight, bias),
        "labels": by_name(text, ["y"])[:, 0].astype(int).tolist(),
        "accuracy": accuracy(weight, bias, read, classes),
    }


def arrays():
    """Every kind of array that NumPy writes, and its values in C order."""
    numbers = GENERATOR.integers(0, 100, (2, 3, 4))
    kinds = ["<f2", "<f4", "<f8", ">f2", ">f4", ">f8", "|b1", "|u1", "|i1", "<u2", ">u2", "<i2", ">i2"]
    kinds += ["<u4", ">u4", "<i4", ">i4", "<u8", ">u8", "<i8", ">i8"]
    cases = []
    for kind in kinds:
        for order in "CF":
            array = np.array(numbers % 2 if kind == "|b1" else numbers, dtype=kind, order=order)
            file = io.BytesIO()
            np.save(file, array)
            values = np.load(io.BytesIO(file.getvalue())).astype("f8")
            cases.append({"kind": kind, "order": order, "file": file.getvalue().hex(), "values": values.ravel().tolist()})
    return cases


def tensors():
    """Every type of tensor that may be features or labels."""
    numbers = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    classes = torch.tensor([2, 0, 1])
    types = [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.bool]
    types += [torch.uint8, torch.int8, torch.uint16, torch.int16, torch.uint32, torch.int32, torch.uint64, torch.int64]
    return [
        {
            "type": str(kind),
            "file": save({"features": numbers.to(kind), "labels": classes.to(kind)}).hex(),
            "values": numbers.to(kind).double().flatten().tolist(),
            "labels": classes.to(kind).double().int().tolist(),
        }
        for kind in types
    ]


if __name__ == "__main__":
    made = {"columns": columns(), "labels": labels(), "arrays": arrays(), "tensors": tensors()}
    FIXTURE.write_text(json.dumps(made) + "\n")
    print(made["columns"]["accuracy"], made["columns"]["accuracy_in_a_wrong_order"], made["labels"]["accuracy"])
