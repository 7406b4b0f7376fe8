"""Averages, mixes, barriers, norms and cosines in float64: writes fixtures/averaging.json and fixtures/barriers.json. See README.md."""

import itertools

import numpy
import torch

from network import Network, flat, labels_of, rounded, write

FEATURES, CLASSES, EXAMPLES = 5, 3, 24
MODEL = {"mlp": {"hidden": [4, 3], "activation": "tanh"}}
ALPHAS = [0.25, 0.5]
BASELINES = ["mean", "linear", "max", "base", "chord"]


def models():
    """A common start, three models trained from it for different times, their numbers of examples, and held-out data."""
    torch.manual_seed(11)
    inputs = torch.randn(EXAMPLES + 60, FEATURES).float().double()
    labels = labels_of(inputs, CLASSES)
    start = Network(MODEL, FEATURES, CLASSES)
    start.round_to_f32()
    ends, examples = [], [10, 32, 18]
    for client, count in enumerate(examples):
        rows = EXAMPLES + sum(examples[:client]) + numpy.arange(count)
        end = Network(MODEL, FEATURES, CLASSES).load(flat(start.parameters()))
        optimizer = torch.optim.SGD(end.parameters(), lr=0.3, momentum=0.9)
        for _ in range(25 + 15 * client):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(end(inputs[rows]), labels[rows]).backward()
            optimizer.step()
        end.round_to_f32()
        ends.append(flat(end.parameters()))
    return numpy.array(flat(start.parameters())), numpy.array(ends), examples, inputs[:EXAMPLES], labels[:EXAMPLES]


class Study:
    """The barriers between the models of one cohort, as SCIENCE.md §2 defines them."""

    def __init__(self, start, ends, weights, inputs, labels):
        self.start, self.ends, self.inputs, self.labels = start, ends, inputs, labels
        self.weights = numpy.array(weights) / sum(weights)
        self.network = Network(MODEL, FEATURES, CLASSES)
        self.mean = self.weights @ ends
        self.ranges, at = {}, 0
        for name, length in self.network.layout():
            self.ranges[name] = slice(at, at + length)
            at += length
        names = list(self.ranges)
        self.sweeps = {
            "full": [names],
            "layer": [[name] for name in names],
            "shallow": [names[:k] for k in range(1, len(names) + 1)],
            "deep": [names[-k:] for k in range(1, len(names) + 1)],
        }

    def mix(self, base, names, alpha):
        """The layers `names` of model `base` become (1 − 2α)·base + 2α·mean: the average at α = ½."""
        mixed = self.ends[base].copy()
        for name in names:
            part = self.ranges[name]
            mixed[part] = (1 - 2 * alpha) * mixed[part] + 2 * alpha * self.mean[part]
        return mixed

    def evaluate(self, params):
        """Per example: the loss, and the error in percent (0 or 100)."""
        with torch.no_grad():
            logits = self.network.load(params)(self.inputs)
            losses = torch.nn.functional.cross_entropy(logits, self.labels, reduction="none")
            best = logits.topk(2, 1).values
            assert (best[:, 0] - best[:, 1]).min() > 1e-4, "a tie, which rounding could turn: take another seed"
            errors = 100.0 * (logits.argmax(1) != self.labels)
        return {"loss": losses.numpy(), "error": errors.numpy().astype(float)}

    def baseline(self, kind, base, alpha, ends, swapped):
        """Per example, so that it is paired with the mix."""
        own, mean = ends[base], self.weights @ numpy.array(ends)
        totals = [end.sum() for end in ends]
        return {
            "mean": mean,
            "linear": own + 2 * alpha * (mean - own),
            "max": ends[int(numpy.argmax(totals))],
            "base": own,
            "chord": (1 - alpha) * own + alpha * swapped,
        }[kind]

    def rows(self):
        """The barriers, and the mixes that they are made of."""
        ends = [self.evaluate(end) for end in self.ends]
        losses = [end["loss"].sum() for end in ends]
        assert len(set(losses)) == len(losses), "`max` must be one model's"
        errors = sorted(end["error"].sum() for end in ends)
        assert errors[-1] > errors[-2], "`max` must be one model's: take another seed"
        mixes, rows = {}, []

        def evaluated(base, names, alpha):
            key = (base, tuple(names), alpha)
            if key not in mixes:
                mixes[key] = self.evaluate(self.mix(base, names, alpha))
            return mixes[key]

        distinct = {tuple(names): names for sets in self.sweeps.values() for names in sets}
        for metric, names, baseline, alpha in itertools.product(("loss", "error"), distinct.values(), BASELINES, ALPHAS):
            of_ends = [end[metric] for end in ends]
            by_base = []
            for base in range(len(self.ends)):
                swapped = evaluated(base, names, 1.0)[metric]
                mixed = evaluated(base, names, alpha)[metric]
                by_base.append(mixed - self.baseline(baseline, base, alpha, of_ends, swapped))
            estimates = [estimate(differences) for differences in [*by_base, self.weights @ numpy.array(by_base)]]
            rows.append({
                "metric": metric, "set": self.label(names), "baseline": baseline, "alpha": alpha,
                "values": rounded([value for value, _ in estimates]),
                "std_errors": rounded([error for _, error in estimates]),
            })
        points = [
            {"base": base, "set": self.label(names), "alpha": alpha, **self.point(values)}
            for (base, names, alpha), values in mixes.items()
        ]
        return [self.point(end) for end in ends], points, rows

    def label(self, names):
        return "all" if len(names) == len(self.ranges) else "+".join(sorted(names, key=list(self.ranges).index))

    @staticmethod
    def point(values):
        return {"losses": rounded(values["loss"].tolist()), "correct": (values["error"] == 0).tolist()}

    def geometry(self):
        """Per layer and whole: twice the distance to the mean, and the cosine of a model's movement with the others' weighted sum."""
        rows = []
        moved = self.ends - self.start
        for name, part in [*self.ranges.items(), ("all", slice(None))]:
            for base, own in enumerate(moved):
                others = sum(self.weights[j] * moved[j] for j in range(len(moved)) if j != base)[part]
                cosine = own[part] @ others / numpy.linalg.norm(own[part]) / numpy.linalg.norm(others)
                norm = 2 * numpy.linalg.norm((self.mean - self.ends[base])[part])
                rows.append({"base": str(base), "set": name, "norm": rounded(norm), "cosine": rounded(cosine)})
        return rows


def estimate(differences):
    """The mean, and its standard error: the sample standard deviation over √n."""
    return float(differences.mean()), float(differences.std(ddof=1) / numpy.sqrt(len(differences)))


def main():
    torch.set_default_dtype(torch.float64)
    start, ends, examples, inputs, labels = models()
    cohorts = []
    for weighting, members in [("equal", [0, 1]), ("examples", [0, 1, 2])]:
        weights = [1.0 if weighting == "equal" else examples[member] for member in members]
        study = Study(start, ends[members], weights, inputs, labels)
        of_ends, mixes, rows = study.rows()
        cohorts.append({
            "weighting": weighting, "members": members, "ends": of_ends, "mixes": mixes,
            "sweeps": {kind: [study.label(names) for names in sets] for kind, sets in study.sweeps.items()},
            "barriers": rows, "geometry": study.geometry()})
    setting = {
        "model": MODEL,
        "features": FEATURES,
        "classes": CLASSES,
        "start": rounded(start.tolist()),
        "models": rounded(ends.tolist()),
        "examples": examples,
    }
    write("barriers.json", {**setting, "inputs": rounded(inputs.tolist()), "labels": labels.tolist(), "alphas": ALPHAS, "cohorts": cohorts})

    study = Study(start, ends, examples, inputs, labels)
    equal = Study(start, ends, [1.0] * 3, inputs, labels)
    sets = [[], ["fc1"], ["fc2", "out"], ["fc1", "out"], list(study.ranges)]
    averages = [
        {"weighting": weighting, "layers": names, "into": 1, "params": rounded(which.mix(1, names, 0.5).tolist())}
        for weighting, which in [("examples", study), ("equal", equal)] for names in sets
    ]
    mixes = []
    for names in sets:
        for weight in (0.25, 0.5, 1.0, 1.5):
            mixed = ends[0].copy()
            for name in names:
                part = study.ranges[name]
                mixed[part] = (1 - weight) * ends[0][part] + weight * ends[2][part]
            mixes.append({"base": 0, "other": 2, "layers": names, "weight": weight, "params": rounded(mixed.tolist())})
    write("averaging.json", {**setting, "averages": averages, "mixes": mixes})


if __name__ == "__main__":
    main()
