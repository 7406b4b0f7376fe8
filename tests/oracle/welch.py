"""Welch's 95 % interval of the difference of two means, as in `crates/fedlayer-core/src/compare.rs`.

Student's quantile is found without a library: the density is integrated by Simpson's rule and the quantile by bisection.
"""

import math

OWN = [0.6, 0.7, 0.8]
REFERENCE = [0.35, 0.45, 0.55, 0.85]


def density(t, freedom):
    scale = math.gamma((freedom + 1) / 2) / (math.sqrt(freedom * math.pi) * math.gamma(freedom / 2))
    return scale * (1 + t * t / freedom) ** (-(freedom + 1) / 2)


def below(t, freedom, pieces=20_000):
    """The probability of a value below t, for t > 0."""
    step = t / pieces
    inner = sum((4 if piece % 2 else 2) * density(piece * step, freedom) for piece in range(1, pieces))
    return 0.5 + step / 3 * (density(0, freedom) + inner + density(t, freedom))


def quantile(probability, freedom):
    low, high = 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle, freedom) < probability else (low, middle)
    return (low + high) / 2


def mean(values):
    return sum(values) / len(values)


def squared_error(values):
    return sum((value - mean(values)) ** 2 for value in values) / (len(values) - 1) / len(values)


a, b = squared_error(OWN), squared_error(REFERENCE)
freedom = (a + b) ** 2 / (a ** 2 / (len(OWN) - 1) + b ** 2 / (len(REFERENCE) - 1))
print(mean(OWN) - mean(REFERENCE), quantile(0.975, freedom) * math.sqrt(a + b), freedom)
