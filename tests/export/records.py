"""The rows that every export must have, made of the JSON lines of a run alone."""

import json
from pathlib import Path

EVALUATION = [
    "test_loss",
    "test_accuracy",
    "client_loss_mean",
    "client_accuracy_mean",
    "client_accuracy_std",
]
VALIDATION = [
    "validation_loss",
    "validation_accuracy",
    "client_validation_loss_mean",
    "client_validation_accuracy_mean",
]
MOVEMENT = ["mean_update_norm", "update_norm", "cosine"]
BARRIERS = ["full_barrier", "max_layer_barrier", "max_layer", "end_loss_spread"]
ROW_OF_BARRIER = "round split metric kind set base alpha baseline value std_error".split()
TIMES = ["train", "barriers", "average", "evaluate"]


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


class Plan:
    """A strategy and seed of a run, with all its lines."""

    def __init__(self, run, note, plan):
        folder = run / plan["folder"]
        self.folder = plan["folder"]
        self.keys = {"run": run.name, "scenario": note["scenario"]}
        self.keys |= {"strategy": plan["strategy"], "seed": plan["seed"]}
        self.rounds = lines(folder / "rounds.jsonl")
        self.barriers = lines(folder / "barriers.jsonl")
        self.timings = lines(folder / "timings.jsonl")

    def rows(self, table):
        return [{**self.keys, **row} for row in getattr(self, f"_{table}")()]

    def _rounds(self):
        for line in self.rounds:
            row = {key: line[key] for key in ["round", "attempt", "averaged"]}
            row |= {"reported": len(line["reported"]), "missing": len(line["missing"])}
            row |= {key: line[key] for key in ["examples", "steps", "train_loss"]}
            found = line["evaluation"]
            row |= {key: found and found[key] for key in EVALUATION}
            row |= {key: found and found.get(key) for key in VALIDATION}
            for key in ["clients_without_test", "clients_without_validation"]:
                row[key] = found and found.get(key, 0)
            row |= {key: line["barriers"] and line["barriers"][key] for key in BARRIERS}
            yield row | {key: line[key] for key in ["bytes_up", "bytes_down"]}

    def _layers(self):
        for line in self.rounds:
            moved = {layer["layer"]: layer for layer in line["layers"]}
            for position, layer in enumerate(line["bytes"]):
                name = layer["layer"]
                yield {
                    "round": line["round"],
                    "layer": name,
                    "position": position,
                    "averaged": line["averaged"] == "all" or name in line["averaged"].split("+"),
                    "bytes_up": layer["up"],
                    "bytes_down": layer["down"],
                    "barrier": self._barrier(line["round"], name),
                    **{key: moved[name][key] for key in MOVEMENT},
                }

    def _barrier(self, round, layer):
        for row in self.barriers:
            is_of = (row["round"], row["kind"], row["set"]) == (round, "layer", layer)
            is_shown = (row["metric"], row["split"], row["baseline"]) == ("loss", "test", "mean")
            if is_of and is_shown and (row["base"], row["alpha"]) == ("mean", 0.5):
                return row["value"]
        return None

    def _clients(self):
        for line in self.rounds:
            for client in line["reported"]:
                yield {"round": line["round"], "client": client, "reported": True, "reason": None}
            for missing in line["missing"]:
                yield {"round": line["round"], "reported": False, **missing}

    def _barriers(self):
        return ({key: line.get(key) for key in ROW_OF_BARRIER} for line in self.barriers)

    def _timings(self):
        return ({key: line[key] for key in ["round", *TIMES]} for line in self.timings)

    def numbers(self):
        """Returns every plotted number: by its name, its values by round."""
        found = {}

        def add(prefix, row):
            for key, value in row.items():
                is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
                if is_number and key not in ["round", "position"]:
                    found.setdefault(f"{prefix}/{key}", {})[row["round"]] = value

        for row in self._rounds():
            add("rounds", row)
        for row in self._timings():
            add("timings", row)
        for row in self._layers():
            add(f"layers/{row['layer']}", row)
        return found

    def norms(self, layer):
        """Returns the norms of a layer's movement by round, one for each base."""
        found = {}
        for row in self.barriers:
            is_norm = (row["kind"], row["metric"], row["set"]) == ("geometry", "norm", layer)
            if is_norm and row["base"] not in ["mean", "max"]:
                found.setdefault(row["round"], []).append(row["value"])
        return found


def plans(run):
    """Returns the plans of a run folder."""
    note = json.loads((Path(run) / "run.json").read_text())
    return [Plan(Path(run), note, plan) for plan in note["provenance"]["plans"]]
