"""Batch normalisation in every number that is recorded, under each policy of running statistics: writes fixtures/batchnorm.json. See README.md."""

import itertools

import numpy
import torch
from torch.func import functional_call

from network import flat, rounded, write

FEATURES, CLASSES, TEST = 4, 3, 20
SEED = 2
WIDTHS = [5, 4]
ALPHAS = [0.25, 0.4999, 0.5, 1.0]
POLICIES = ["average", "keep", "recompute", "repair"]
LAYERS = ["fc1", "norm1", "fc2", "norm2", "fc3"]
SETS = {
    "full": [LAYERS],
    "layer": [[layer] for layer in LAYERS],
    "shallow": [LAYERS[:k] for k in range(1, len(LAYERS) + 1)],
    "deep": [LAYERS[-k:] for k in range(1, len(LAYERS) + 1)],
}
BASELINES = ["mean", "linear", "max", "base", "chord"]


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = torch.nn.Linear(FEATURES, WIDTHS[0])
        self.norm1 = torch.nn.BatchNorm1d(WIDTHS[0])
        self.fc2 = torch.nn.Linear(WIDTHS[0], WIDTHS[1])
        self.norm2 = torch.nn.BatchNorm1d(WIDTHS[1])
        self.fc3 = torch.nn.Linear(WIDTHS[1], CLASSES)

    def forward(self, x):
        x = torch.tanh(self.norm1(self.fc1(x)))
        return self.fc3(torch.tanh(self.norm2(self.fc2(x))))


NAMES = list(Net().state_dict())
SHAPES = {name: tensor.shape for name, tensor in Net().state_dict().items()}
RANGES, at = {}, 0
for name in NAMES:
    RANGES[name] = slice(at, at + SHAPES[name].numel())
    at += SHAPES[name].numel()
PARAMETERS = at
TRAINED = [name for name in NAMES if name in dict(Net().named_parameters())]
COUNTERS = [name for name in NAMES if name.endswith("num_batches_tracked")]


def tensors(values):
    """A flat vector under the names of `state_dict()`, in its order; counters are whole numbers."""
    return {
        name: torch.as_tensor(values[RANGES[name]]).reshape(SHAPES[name]).to(torch.int64 if name in COUNTERS else torch.float64)
        for name in NAMES
    }


def network(values):
    net = Net()
    net.load_state_dict(tensors(values))
    return net.eval()


def vector(net):
    return numpy.array([float(value) for value in flat(net.state_dict().values())])


def places(names, of=TRAINED):
    """Indices of the values of some layers: the trained ones, or those of other tensors."""
    chosen = [name for name in of if name.rsplit(".", 1)[0] in names]
    return numpy.concatenate([numpy.arange(PARAMETERS)[RANGES[name]] for name in chosen] or [numpy.arange(0)])


def label(names):
    return "all" if len(names) == len(LAYERS) else "+".join(sorted(names, key=LAYERS.index))


def setting(seed):
    """A common start, three models trained from it on data of very different scales, and the examples."""
    torch.manual_seed(seed)
    start = Net()
    for parameter in start.parameters():
        parameter.data = parameter.data.float().double()
    # Client k sees inputs scaled and moved: its running statistics are far from the others'.
    scales, shifts, epochs = [0.5, 2.0, 6.0], [0.0, 1.0, -3.0], [10, 14, 18]
    rule = torch.randn(FEATURES, CLASSES)

    def examples(count):
        inputs = torch.randn(count, FEATURES)
        return inputs, (inputs @ rule + 0.7 * torch.randn(count, CLASSES)).argmax(1)

    pool, labels, ends, counts = [], [], [], [8, 14, 10]
    for scale, shift, count, passes in zip(scales, shifts, counts, epochs):
        inputs, own = examples(count)
        inputs = (scale * inputs + shift).float().double()
        net = network(vector(start)).train()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for _ in range(passes):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(inputs), own).backward()
            optimizer.step()
        ends.append(numpy.float32(vector(net)).astype(float))
        pool.append(inputs)
        labels.append(own)
    test_inputs, test_labels = examples(TEST)
    test_inputs = (1.5 * test_inputs + 0.3).float().double()
    return vector(start), ends, counts, torch.cat(pool), torch.cat(labels), test_inputs, test_labels


class Policy:
    """Mixes and evaluations under one policy of running statistics."""

    def __init__(self, name, pool, inputs, labels):
        self.name, self.pool, self.inputs, self.labels = name, pool, inputs, labels
        self.known = {}

    def moving(self, names):
        """What is mixed of some layers: their statistics too, but where each model keeps its own. Never the counter."""
        return places(names, TRAINED if self.name == "keep" else [name for name in NAMES if name not in COUNTERS])

    def mix(self, base, other, names, weight):
        mixed, part = base.copy(), self.moving(names)
        mixed[part] = (1 - weight) * base[part] + weight * other[part]
        return mixed

    def evaluated(self, values, mixed=None):
        """Per example the loss and the error in percent. `mixed` is (base, other, names, weight) where the model is a mix."""
        net = network(values)
        if self.name in ("recompute", "repair"):
            measure(net, self.pool)
        if self.name == "repair" and mixed is not None:
            narrow(net, *mixed)
        with torch.no_grad():
            logits = net(self.inputs)
            losses = torch.nn.functional.cross_entropy(logits, self.labels, reduction="none").numpy()
            best = logits.topk(2, 1).values
            tie = (best[:, 0] - best[:, 1]).min()
            assert not tie <= 2e-5, f"a tie ({tie}), which rounding could turn: take another seed"
            errors = 100.0 * (logits.argmax(1) != self.labels).numpy()
        return {"loss": losses, "error": errors}

    def point(self, base, other, names, weight):
        key = (base.tobytes(), other.tobytes(), tuple(names), weight)
        if key not in self.known:
            mixed = self.mix(base, other, names, weight)
            self.known[key] = self.evaluated(mixed, (base, other, names, weight))
        return self.known[key]


def measure(net, pool):
    """The running statistics of one batch of all training examples, as `torch.optim.swa_utils.update_bn` takes them."""
    torch.optim.swa_utils.update_bn([pool], net)
    net.eval()


def measured_in_batches(values, pool, inputs, labels):
    """The mean loss with statistics measured on a larger pool: ten copies of it, each brighter than the one before, in two batches that count alike."""
    factors = numpy.float32(1) + numpy.arange(10, dtype=numpy.float32) / numpy.float32(10)
    large = torch.cat([(pool.float() * float(factor)).double() for factor in factors])
    net = network(values)
    torch.optim.swa_utils.update_bn([large[:256], large[256:]], net)
    with torch.no_grad():
        return short(float(torch.nn.functional.cross_entropy(net.eval()(inputs), labels)))


def narrow(net, base, other, names, weight):
    """REPAIR: the variance grows by (mixed variance)/(mixed deviation)², as docs/models.md says."""
    for name in NAMES:
        if name.endswith("running_var") and name.rsplit(".", 1)[0] in names:
            a, b = base[RANGES[name]], other[RANGES[name]]
            mixed = (1 - weight) * a + weight * b
            square = ((1 - weight) * numpy.sqrt(a) + weight * numpy.sqrt(b)) ** 2
            ratio = numpy.where((square > 0) & (mixed > 0), mixed / square, 1.0)
            net.state_dict()[name].mul_(torch.as_tensor(ratio))


def directions(between, ends, weights):
    """(label, base, what it goes towards, reach, weights of the baseline, share in the mean) of each direction."""
    mean = sum(weight * end for weight, end in zip(weights, ends))
    count = len(ends)
    if between == "cohort":
        return [(str(i), i, mean, 2.0, weights, weights[i]) for i in range(count)]
    pairs = itertools.permutations(range(count), 2)
    share = 1.0 / (count * (count - 1))
    return [(f"{i}<-{j}", i, ends[j], 1.0, [0.5 if k in (i, j) else 0.0 for k in range(count)], share) for i, j in pairs]


def baseline(kind, own, weights, ends, alpha, swapped):
    mean = sum(weight * end for weight, end in zip(weights, ends))
    present = [end for weight, end in zip(weights, ends) if weight > 0]
    return {
        "mean": mean,
        "linear": own + 2 * alpha * (mean - own),
        "max": max(present, key=lambda end: end.sum()),
        "base": own,
        "chord": own if swapped is None else (1 - alpha) * own + alpha * swapped,
    }[kind]


def estimate(values):
    """The mean, and its standard error with n − 1; nothing where a loss is no number."""
    if not numpy.isfinite(values).all():
        return [None, None]
    return [short(values.mean()), short(values.std(ddof=1) / numpy.sqrt(len(values)))]


def short(value):
    """Seven digits; what rounding alone leaves is 0."""
    return float(f"{value:.7g}") if abs(value) > 1e-12 else 0.0


def barriers(policy, between, ends, weights):
    """Per set, α, baseline and metric: [value, standard error] of each base, then of their mean. Losses of every set under `mean`, of all layers under every
    baseline, errors under `mean`."""
    ways = directions(between, ends, weights)
    of_ends = [policy.evaluated(end) for end in ends]
    rows, curves = [], {}
    distinct = {label(names): names for sets in SETS.values() for names in sets}

    def by_base(names, alpha, kind, metric):
        found = []
        for _, base, toward, reach, counts, _ in ways:
            mixed = policy.point(ends[base], toward, names, alpha * reach)[metric]
            swapped = policy.point(ends[base], toward, names, reach)[metric] if kind == "chord" else None
            losses = [end[metric] for end in of_ends]
            found.append(mixed - baseline(kind, losses[base], counts, losses, alpha, swapped))
        return found + [sum(way[5] * values for way, values in zip(ways, found))]

    for (name, names), alpha in itertools.product(distinct.items(), ALPHAS):
        kinds = [("mean", "loss"), ("mean", "error")]
        kinds += [(kind, "loss") for kind in BASELINES[1:]] if name == "all" else []
        for kind, metric in kinds:
            values = by_base(names, alpha, kind, metric)
            curves[name, alpha, kind, metric] = values
            rows.append({"set": name, "alpha": alpha, "baseline": kind, "metric": metric, "values": [estimate(v) for v in values]})
    interaction = [
        estimate(whole - sum(curves[layer, 0.5, "mean", "loss"][at] for layer in LAYERS))
        for at, whole in enumerate(curves["all", 0.5, "mean", "loss"])
    ]
    return {"between": between, "bases": [way[0] for way in ways], "barriers": rows, "interaction": interaction}


def geometry(start, ends, weights, between):
    """Norms and cosines over trained values."""
    rows = []
    moved = [end - start for end in ends]
    for label_of, base, toward, reach, counts, _ in directions(between, ends, weights):
        others = sum(weights[j] * moved[j] for j in range(len(ends)) if j != base and counts[j] > 0)
        for names in [*([layer] for layer in LAYERS), LAYERS]:
            part = places(names)
            norm = reach * numpy.linalg.norm((toward - ends[base])[part])
            cosine = moved[base][part] @ others[part] / numpy.linalg.norm(moved[base][part]) / numpy.linalg.norm(others[part])
            rows.append({"base": label_of, "set": label(names), "norm": short(norm), "cosine": short(cosine)})
    return rows


def curvature(policy, values, inputs, labels):
    """The mean loss as a function of the trained values, statistics held where the policy sets them: gradient (P) and Hessian (P, P)."""
    net = network(values)
    if policy.name in ("recompute", "repair"):
        measure(net, policy.pool)
    buffers = dict(net.named_buffers())
    order = places(LAYERS)
    where = torch.as_tensor(order)
    flat_start = torch.as_tensor(values)

    def loss(trained):
        whole = flat_start.index_put((where,), trained)
        named = {name: whole[RANGES[name]].reshape(SHAPES[name]) for name in TRAINED}
        return torch.nn.functional.cross_entropy(functional_call(net, (named, buffers), inputs), labels)

    point = flat_start[where]
    gradient, hessian = numpy.zeros(PARAMETERS), numpy.zeros((PARAMETERS, PARAMETERS))
    gradient[order] = torch.autograd.functional.jacobian(loss, point).numpy()
    hessian[numpy.ix_(order, order)] = torch.autograd.functional.hessian(loss, point).numpy()
    return gradient, hessian


def derived(policy, ends, gradient_of):
    """What is made of derivatives at the first two models: the Hessian's trace and extreme eigenvalues, relative flatness, Taylor's expansion of the barrier;
    and the rank correlation of ‖Δ‖ with the measured barrier over the layers."""
    rows = []
    for base, other in ((0, 1), (1, 0)):
        gradient, hessian = gradient_of[base]
        for names in [*([layer] for layer in LAYERS), LAYERS]:
            part = places(names)
            block = hessian[numpy.ix_(part, part)]
            eigenvalues = numpy.linalg.eigvalsh(block)
            top = max(eigenvalues, key=abs)
            step = (ends[other] - ends[base])[part]
            row = {"base": base, "set": label(names), "trace": short(numpy.trace(block)), "top": short(top),
                   "expansion": short(0.5 * gradient[part] @ step + 0.125 * step @ block @ step)}
            weight = f"{names[0]}.weight"
            if len(names) == 1 and len(SHAPES[weight]) == 2:
                row["kappa"] = short(kappa(ends[base][RANGES[weight]].reshape(SHAPES[weight]), hessian[RANGES[weight], RANGES[weight]]))
            if len(names) > 1:
                row["spearman-norm"] = short(spearman(policy, ends[base], ends[other]))
            rows.append(row)
    return rows


def spearman(policy, base, other):
    norms = [numpy.linalg.norm((other - base)[places([layer])]) for layer in LAYERS]
    losses = [policy.point(base, other, [layer], 0.5)["loss"].mean() for layer in LAYERS]
    ranks = [numpy.argsort(numpy.argsort(values)) for values in (norms, losses)]
    return numpy.corrcoef(*ranks)[0, 1]


def kappa(weight, hessian):
    k, m = weight.shape
    blocks = hessian.reshape(k, m, k, m)
    return sum(weight[s] @ weight[t] * numpy.trace(blocks[s, :, t, :]) for s in range(k) for t in range(k))


def surfaces(policy, ends):
    """Mean losses on the segment, and on the plane through the three models, whose lengths and angles are those of trained values."""
    loss = lambda values, mixed=None: (lambda seen: short(seen.mean()) if numpy.isfinite(seen).all() else None)(policy.evaluated(values, mixed)["loss"])
    segment = []
    for alpha in [-0.5, 0.0, 0.5, 1.0, 1.5]:
        seen = policy.point(ends[0], ends[1], LAYERS, alpha)["loss"]
        segment.append([alpha, short(seen.mean()) if numpy.isfinite(seen).all() else None])
    part = places(LAYERS)
    u, v = (ends[1] - ends[0])[part], (ends[2] - ends[0])[part]
    foot = v @ u / (u @ u)
    height = numpy.linalg.norm(v - foot * u) / numpy.linalg.norm(u)
    plane, moving = [], policy.moving(LAYERS)
    for alpha, beta in itertools.product(numpy.linspace(min(0, foot), max(1, foot), 3), numpy.linspace(0, height, 3)):
        third = beta / height
        second = alpha - foot * third
        point = ends[0].copy()
        point[moving] += second * (ends[1] - ends[0])[moving] + third * (ends[2] - ends[0])[moving]
        plane.append([short(alpha), short(beta), loss(point)])
    return {"segment": segment, "third": [short(foot), short(height)], "plane": plane}


def criticality(policy, start, ends):
    """Mean losses of the first two models with one layer put back to the start, and how far the layer has moved."""
    rows = []
    for base, names in itertools.product((0, 1), ([layer] for layer in LAYERS)):
        seen = policy.point(ends[base], start, names, 1.0)["loss"]
        part = places(names)
        rows.append({"base": base, "set": label(names), "initial": short(seen.mean()), "distance": short(numpy.linalg.norm((ends[base] - start)[part])),
                     "rms": short(numpy.sqrt((ends[base][part] ** 2).mean()))})
    return rows


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    start, ends, counts, pool, pool_labels, inputs, labels = setting(SEED)
    weights = [count / sum(counts) for count in counts]
    cases = []
    for name in POLICIES:
        policy = Policy(name, pool, inputs, labels)
        derivatives = [curvature(policy, end, inputs, labels) for end in ends[:2]]
        cases.append({
            "policy": name,
            "ends": [estimate(policy.evaluated(end)["loss"]) for end in ends],
            "studies": [barriers(policy, between, ends, weights) for between in ("cohort", "pairs")],
            "derived": derived(policy, ends, derivatives),
            **surfaces(policy, ends),
            "criticality": criticality(policy, start, ends),
        })
    mean = sum(weight * end for weight, end in zip(weights, ends))
    for name in COUNTERS:
        mean[RANGES[name]] = max(end[RANGES[name]] for end in ends)
    write("batchnorm.json", {
        "features": FEATURES, "classes": CLASSES, "widths": WIDTHS, "alphas": ALPHAS,
        "start": rounded(start.tolist()), "models": [rounded(end.tolist()) for end in ends], "examples": counts, "mean": rounded(mean.tolist()),
        "pool": rounded(pool.tolist()), "pool_labels": pool_labels.tolist(), "inputs": rounded(inputs.tolist()), "labels": labels.tolist(),
        "parameters": {label(names): len(places(names)) for sets in SETS.values() for names in sets},
        "geometry": {between: geometry(start, ends, weights, between) for between in ("cohort", "pairs")},
        "measured_in_batches": measured_in_batches(ends[1], pool, inputs, labels),
        "cases": cases,
    })


if __name__ == "__main__":
    main()
