"""Features with more digits than float32 has, scaled and normalised by NumPy in float64 and rounded once: writes fixtures/precision.json. See README.md."""

import json
import pathlib

import numpy as np

EXAMPLES = 6
STEPS = np.arange(EXAMPLES)
COLUMNS = {
    # Seconds since 1970, float32 keeps every 128th.
    "time": 1_700_000_000.0 + 7 * STEPS**2,
    # The whole numbers of which float32 keeps every other one.
    "count": 16_777_216.0 + STEPS,
    "share": 0.1 + 0.01 * (STEPS % 3),
    "constant": np.full(EXAMPLES, 0.1),
}
# Large numbers that are float32 exactly, and so large beside their deviation that their mean is none.
SINGLES = 16_777_216.0 + 2 * (STEPS % 4)
MEAN, STD = [1_700_000_050.0, 16_777_218.0, 0.1, 0.0], [70.0, 2.0, 0.01, 1.0]


def rounded(values):
    return [float(value) for value in np.asarray(values).astype(np.float32).flatten()]


def left_out(values):
    """Per example: all examples, normalised by mean and deviation of the others."""
    cases = []
    for example in range(len(values)):
        others = np.delete(values, example, axis=0)
        std = others.std(axis=0)
        std[np.ptp(others, axis=0) == 0.0] = 1.0
        mean = np.where(np.ptp(others, axis=0) == 0.0, others[0], others.mean(axis=0))
        cases.append(rounded((values - mean) / std))
    return cases


def main():
    table = np.stack(list(COLUMNS.values()), axis=1)
    fixture = {
        "names": list(COLUMNS),
        "table": table.tolist(),
        "set": left_out(table),
        "scaled": rounded(table * 1e-9),
        "mean": MEAN,
        "std": STD,
        "constants": rounded((table - MEAN) / STD),
        "singles": SINGLES.tolist(),
        "singles_set": left_out(SINGLES[:, None]),
    }
    path = pathlib.Path(__file__).parent / "fixtures" / "precision.json"
    path.write_text(json.dumps(fixture) + "\n")


main()
