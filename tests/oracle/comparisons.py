"""Differences of strategies with their intervals and p-values, Holm's correction, and the distribution over clients.

SciPy computes the t-tests, statsmodels the correction, NumPy fairness, worst decile and incentive.
"""

import json
import math

import numpy
from scipy import stats
from statsmodels.stats.multitest import multipletests

draw = numpy.random.default_rng(7)


def interval(result):
    low, high = result.confidence_interval(0.95)
    return {"low": float(low), "high": float(high), "p": float(result.pvalue)}


def paired(differences):
    result = stats.ttest_1samp(differences, 0.0)
    return {"differences": list(differences), "mean": float(numpy.mean(differences)), **interval(result)}


def independent(own, reference):
    result = stats.ttest_ind(own, reference, equal_var=False)
    mean = float(numpy.mean(own) - numpy.mean(reference))
    return {"own": list(own), "reference": list(reference), "mean": mean, **interval(result)}


def corrected(p_values):
    return {"p": list(p_values), "adjusted": multipletests(p_values, method="holm")[1].tolist()}


def over_clients(count, ties):
    def accuracies():
        values = draw.uniform(0, 1, count)
        return numpy.round(values, 1) if ties else values

    own, local, averaged = accuracies(), accuracies(), accuracies()
    worst = numpy.sort(own)[: math.ceil(count / 10)]
    return {
        "own": own.tolist(),
        "local": local.tolist(),
        "averaged": averaged.tolist(),
        "fairness": float(numpy.var(own)),
        "worst_decile": float(worst.mean()),
        "incentive": float(numpy.mean(own > numpy.maximum(local, averaged))),
    }


def normal(count, mean, deviation):
    return draw.normal(mean, deviation, count).tolist()


numbers = {
    "paired": [
        paired(normal(count, mean, deviation))
        for count in (2, 3, 5, 10, 30, 200)
        for mean, deviation in ((0.0, 1.0), (0.03, 0.01), (-40.0, 0.5), (1e-9, 1e-7))
    ],
    "independent": [
        independent(normal(n, mean, 0.01), normal(m, 0.5, deviation))
        for n, m in ((2, 2), (3, 4), (5, 30))
        for mean, deviation in ((0.5, 0.3), (0.6, 0.01), (0.5, 1e-6))
    ],
    "holm": [
        corrected(p)
        for p in (
            [0.04],
            [0.04, 0.03],
            [0.01, 0.04, 0.03, 0.005],
            [0.5, 0.5, 0.5],
            [1.0, 0.9, 1e-12, 0.02, 0.02],
            draw.uniform(0, 0.2, 20).tolist(),
        )
    ],
    "clients": [over_clients(count, ties) for count in (1, 2, 9, 10, 11, 20, 101) for ties in (False, True)],
}

with open("fixtures/comparisons.json", "w") as file:
    json.dump(numbers, file, indent=1)
    file.write("\n")
