"""Barriers, noise, subspaces, relative flatness and exact Hessians of small networks in float64: writes fixtures/landscape.json. See README.md.

JAX differentiates; its networks are written here once more, by hand. No line is shared with PyTorch.
"""

import json
import pathlib

import jax
import numpy
from jax import numpy as jnp

jax.config.update("jax_enable_x64", True)

CLASSES, EXAMPLES, ALPHAS = 3, 24, [0.25, 0.5]
CASES = [
    {"name": "mlp-tanh", "shape": [5], "model": {"mlp": {"hidden": [4, 3], "activation": "tanh"}}},
    {"name": "mlp-relu", "shape": [5], "model": {"mlp": {"hidden": [6, 4], "activation": "relu"}}},
    {"name": "cnn", "shape": [1, 6, 6], "model": {"layers": [
        {"conv": {"out": 2, "kernel": 3, "padding": 1, "name": "conv1"}}, "tanh", {"avg-pool": {"kernel": 2}},
        {"conv": {"out": 3, "kernel": 2, "padding": 0, "name": "conv2"}}, "tanh", "flatten",
        {"linear": {"out": CLASSES, "name": "out"}}]}},
]


def rounded(values):
    """The float32 next to each value, as float64: what is given to a test is given exactly."""
    return numpy.asarray(values, dtype=numpy.float32).astype(numpy.float64)


def layers_of(case):
    """The layers as [name, shape of the weight]; every one has a bias."""
    if "mlp" in case["model"]:
        widths = case["shape"] + case["model"]["mlp"]["hidden"] + [CLASSES]
        names = [f"fc{at + 1}" for at in range(len(widths) - 2)] + ["out"]
        return [[name, [out, into]] for name, into, out in zip(names, widths, widths[1:])]
    return [["conv1", [2, 1, 3, 3]], ["conv2", [3, 2, 2, 2]], ["out", [CLASSES, 12]]]


class Network:
    """A network as a function of its flat parameters: layer after layer, weight before bias."""

    def __init__(self, case):
        self.case, self.layers, self.ranges, at = case, layers_of(case), {}, 0
        for name, shape in self.layers:
            count = int(numpy.prod(shape))
            self.ranges[name] = (at, at + count, at + count + shape[0])
            at += count + shape[0]
        self.parameters = at

    def split(self, flat):
        for name, shape in self.layers:
            start, middle, end = self.ranges[name]
            yield flat[start:middle].reshape(shape), flat[middle:end]

    def before_last(self, flat, x):
        """What the last layer takes, and the values in front of each activation."""
        layers, seen = list(self.split(flat))[:-1], []
        if "mlp" in self.case["model"]:
            act = {"tanh": jnp.tanh, "relu": lambda z: jnp.maximum(z, 0)}[self.case["model"]["mlp"]["activation"]]
            for weight, bias in layers:
                seen.append(x @ weight.T + bias)
                x = act(seen[-1])
            return x, seen
        convolve = lambda x, weight, pad: jax.lax.conv_general_dilated(x, weight, (1, 1), [(pad, pad)] * 2)
        (first, bias), (second, other) = layers
        x = jnp.tanh(convolve(x, first, 1) + bias[:, None, None])
        count, channels, side, _ = x.shape
        x = x.reshape(count, channels, side // 2, 2, side // 2, 2).mean((3, 5))
        x = jnp.tanh(convolve(x, second, 0) + other[:, None, None])
        return x.reshape(count, -1), seen

    def losses(self, flat, x, labels):
        *_, (weight, bias) = self.split(flat)
        logits = self.before_last(flat, x)[0] @ weight.T + bias
        return jax.nn.logsumexp(logits, 1) - logits[jnp.arange(len(labels)), labels]

    def loss(self, flat, x, labels):
        return self.losses(flat, x, labels).mean()


def data(case, random):
    inputs = rounded(random.normal(size=[60, *case["shape"]]))
    teacher = random.normal(size=(CLASSES, inputs[0].size))
    return inputs, (inputs.reshape(60, -1) @ teacher.T).argmax(1)


def trained(network, inputs, labels, random):
    """A start, and two networks trained from it on different examples: five snapshots of each, the last is the end model."""
    start = rounded(random.normal(size=network.parameters) * 0.5)
    slope = jax.jit(jax.grad(network.loss))
    ends, snapshots = [], []
    for client in range(2):
        flat, rows = start, slice(EXAMPLES + 18 * client, EXAMPLES + 18 * (client + 1))
        for step in range(1, 101):
            flat = flat - 0.15 * numpy.asarray(slope(flat, inputs[rows], labels[rows]))
            if step % 20 == 0:
                snapshots.append(rounded(flat))
        ends.append(snapshots[-1])
    return ends, snapshots


def barriers(network, ends, x, labels):
    """Every set of every sweep, both bases, against the mean of the end models: value and standard error."""
    losses = jax.jit(network.losses)
    of_ends = [numpy.asarray(losses(end, x, labels)) for end in ends]
    names, found = [name for name, _ in network.layers], []
    sets = {tuple(names)} | {(name,) for name in names}
    sets |= {tuple(names[:k]) for k in range(1, len(names))} | {tuple(names[k:]) for k in range(1, len(names))}
    for layers in sorted(sets, key=lambda layers: [names.index(name) for name in layers]):
        for base in range(2):
            for alpha in ALPHAS:
                mixed = ends[base].copy()
                for name in layers:
                    start, _, end = network.ranges[name]
                    mixed[start:end] = (1 - alpha) * mixed[start:end] + alpha * ends[1 - base][start:end]
                own = numpy.asarray(losses(mixed, x, labels))
                differences = own - (of_ends[0] + of_ends[1]) / 2
                found.append({"set": [names.index(name) for name in layers], "base": base, "alpha": alpha,
                              "value": differences.mean(),
                              "std_error": differences.std(ddof=1) / len(differences) ** 0.5})
    return found


def robustness(network, ends, x, labels, random):
    """θ₁ plus α times a random direction on a layer (on all: last) whose norm is that of θ₁ − θ₂ there."""
    found = []
    for layers in [[at] for at in range(len(network.layers))] + [list(range(len(network.layers)))]:
        direction = numpy.zeros(network.parameters)
        for at in layers:
            start, _, end = network.ranges[network.layers[at][0]]
            direction[start:end] = random.normal(size=end - start)
        on = direction != 0
        direction *= numpy.linalg.norm((ends[0] - ends[1])[on]) / numpy.linalg.norm(direction)
        direction = rounded(direction)
        losses = [float(network.loss(ends[0] + alpha * direction, x, labels)) for alpha in [0.5, 1.0]]
        found.append({"set": layers, "direction": direction, "alphas": [0.5, 1.0], "losses": losses})
    return found


def subspace(snapshots, random):
    """The span of the centred snapshots: its rank, and what it takes of two vectors, one of them inside."""
    centred = numpy.array(snapshots) - numpy.mean(snapshots, 0)
    _, singular, basis = numpy.linalg.svd(centred, full_matrices=False)
    rank = int((singular > 1e-6 * singular[0]).sum())
    assert rank == len(snapshots) - 1, "all but the mean are independent"
    basis, vectors = basis[:rank], []
    for vector in [random.normal(size=centred.shape[1]), snapshots[0] - snapshots[-1]]:
        vector = rounded(vector)
        inside = basis.T @ (basis @ vector)
        vectors.append({"vector": vector, "inside": inside, "outside": vector - inside,
                        "residual": numpy.linalg.norm(vector - inside)})
    return {"rank": rank, "vectors": vectors}


def kappa(weight, block):
    """κ = Σ_{s,s'} ⟨w_s, w_s'⟩ Tr(H_{s,s'}) over the rows of a weight (Petzka et al. 2021)."""
    rows, columns = weight.shape
    traces = numpy.einsum("sitj,ij->st", block.reshape(rows, columns, rows, columns), numpy.eye(columns))
    return float((weight @ weight.T * traces).sum())


def closed_kappa(network, flat, x):
    """κ of the last layer by SCIENCE.md §4: (1/N) Σᵢ ‖φᵢ‖² (Σ_c G_cc p_ic − pᵢᵀ G pᵢ), G = W Wᵀ."""
    *_, (weight, bias) = network.split(flat)
    features = numpy.asarray(network.before_last(flat, x)[0])
    p = numpy.asarray(jax.nn.softmax(features @ weight.T + bias, 1))
    gram = weight @ weight.T
    spread = p @ numpy.diag(gram) - numpy.einsum("ic,cd,id->i", p, gram, p)
    return float(((features ** 2).sum(1) * spread).mean())


def curvature(network, flat, x, labels, random):
    """The gradient, a product of the Hessian, and of every layer and the whole: trace, eigenvalues at both ends, relative flatness."""
    hessian = numpy.asarray(jax.hessian(network.loss)(flat, x, labels))
    direction = rounded(random.normal(size=network.parameters))
    found = {"loss": float(network.loss(flat, x, labels)),
             "gradient": numpy.asarray(jax.grad(network.loss)(flat, x, labels)),
             "direction": direction, "product": hessian @ direction, "layers": []}
    for name, shape in network.layers:
        start, middle, end = network.ranges[name]
        block = hessian[start:end, start:end]
        values = numpy.linalg.eigvalsh(block)
        rows = flat[start:middle].reshape(shape[0], -1)
        found["layers"].append({"name": name, "trace": block.trace(), "largest": values[-1], "smallest": values[0],
                                "kappa": kappa(rows, hessian[start:middle, start:middle])})
    values = numpy.linalg.eigvalsh(hessian)
    found["whole"] = {"trace": hessian.trace(), "largest": values[-1], "smallest": values[0]}
    found["closed_kappa"] = closed_kappa(network, flat, x)
    assert abs(found["closed_kappa"] / found["layers"][-1]["kappa"] - 1) < 1e-9, "the closed form is the definition"
    return found


def short(value):
    """Nine significant digits, which name any float32; lists of plain numbers."""
    if isinstance(value, dict):
        return {key: short(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, numpy.ndarray)):
        return [short(inner) for inner in value]
    if isinstance(value, (float, numpy.floating)):
        return float(f"{float(value):.9g}")
    return int(value) if isinstance(value, numpy.integer) else value


def case_of(case, random):
    network = Network(case)
    inputs, labels = data(case, random)
    ends, snapshots = trained(network, inputs, labels, random)
    x, labels = inputs[:EXAMPLES], labels[:EXAMPLES]
    near = [abs(numpy.asarray(z)).min() for end in ends for z in network.before_last(end, x)[1]]
    assert "relu" not in str(case) or min(near) > 1e-4, "a ReLU that rounding could turn: take another seed"
    return {**case, "classes": CLASSES, "layers": [name for name, _ in network.layers],
            "inputs": x.reshape(EXAMPLES, -1), "labels": labels, "ends": ends,
            "barriers": barriers(network, ends, x, labels),
            "robustness": robustness(network, ends, x, labels, random),
            "snapshots": snapshots, "subspace": subspace(snapshots, random),
            "curvature": [curvature(network, end, x, labels, random) for end in ends]}


if __name__ == "__main__":
    cases = [case_of(case, numpy.random.default_rng(20 + seed)) for seed, case in enumerate(CASES)]
    text = json.dumps(short({"alphas": ALPHAS, "cases": cases}), separators=(",", ":"))
    pathlib.Path("fixtures/landscape.json").write_text(text + "\n")
    print(f"{len(text)} bytes")
