"""Weights, examples and probes made from the names of tensors alone. See README.md."""

import math

import numpy
import torch

MASK = 2**64 - 1


def fnv_1a(name):
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 & MASK
    return value


def uniform(name, count):
    """u: `count` values in [0, 1)."""
    with numpy.errstate(over="ignore"):
        x = numpy.arange(1, count + 1, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15) + numpy.uint64(fnv_1a(name))
        x = (x ^ (x >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    x ^= x >> numpy.uint64(31)
    return (x >> numpy.uint64(11)).astype(numpy.float64) / 2.0**53


def signed(name, count):
    """v: `count` values in [-1, 1)."""
    return 2.0 * uniform(name, count) - 1.0


def probe(name, count):
    """What the tensor of this name is projected on."""
    return torch.from_numpy(signed(f"probe/{name}", count))


def tensor_of(name, shape, gain):
    """A weight, a bias or a statistic: float32."""
    count = math.prod(shape)
    kind = name.rsplit(".", 1)[-1]
    if kind == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.long)
    if kind == "running_mean":
        values = 0.1 * signed(name, count)
    elif kind == "running_var":
        values = 1.0 + 0.5 * uniform(name, count)
    elif name.endswith((".wte.weight", ".wpe.weight")):
        values = 0.5 * signed(name, count)
    elif len(shape) > 1:
        values = gain * math.sqrt(3.0 / math.prod(shape[1:])) * signed(name, count)
    elif kind == "bias":
        values = 0.1 * signed(name, count)
    else:
        values = 1.0 + 0.1 * signed(name, count)
    return torch.from_numpy(values.astype(numpy.float32)).reshape(shape)


def fill(module, gain):
    """The module with the formula's weights and statistics, in its own precision."""
    module.load_state_dict({name: tensor_of(name, list(t.shape), gain) for name, t in module.state_dict().items()})
    return module


def batch_of(case, step, dtype):
    """Inputs and labels; `step` is "" or "/0", "/1", …."""
    tokens = case.targets > 1
    shape, targets = [case.batch, *case.shape], [case.batch, case.targets] if tokens else [case.batch]
    labels = below(f"labels{step}", targets, case.classes)
    if tokens:
        return below(f"input{step}", shape, case.classes), labels
    values = signed(f"input{step}", math.prod(shape)).astype(numpy.float32)
    return torch.from_numpy(values).reshape(shape).to(dtype), labels


def below(name, shape, bound):
    """Whole numbers below `bound`."""
    return torch.from_numpy(numpy.floor(uniform(name, math.prod(shape)) * bound).astype(numpy.int64)).reshape(shape)
