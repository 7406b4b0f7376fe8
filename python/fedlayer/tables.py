"""The columns of the long tables, as `fedlayer export` has them, and their rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

Json = dict[str, Any]

ROUNDS = {
    "round": "count",
    "attempt": "count",
    "averaged": "text",
    "reported": "count",
    "missing": "count",
    "examples": "count",
    "steps": "count",
    "train_loss": "number",
    "test_loss": "number",
    "test_accuracy": "number",
    "client_loss_mean": "number",
    "client_accuracy_mean": "number",
    "client_accuracy_std": "number",
    "clients_without_test": "count",
    "validation_loss": "number",
    "validation_accuracy": "number",
    "client_validation_loss_mean": "number",
    "client_validation_accuracy_mean": "number",
    "clients_without_validation": "count",
    "full_barrier": "number",
    "max_layer_barrier": "number",
    "max_layer": "text",
    "end_loss_spread": "number",
    "bytes_up": "count",
    "bytes_down": "count",
}
LAYERS = {
    "round": "count",
    "layer": "text",
    "position": "count",
    "averaged": "flag",
    "bytes_up": "count",
    "bytes_down": "count",
    "barrier": "number",
    "mean_update_norm": "number",
    "update_norm": "number",
    "cosine": "number",
}
CLIENTS = {"round": "count", "client": "count", "reported": "flag", "reason": "text"}
BARRIERS = {
    "round": "count",
    "split": "text",
    "metric": "text",
    "kind": "text",
    "set": "text",
    "base": "text",
    "alpha": "number",
    "baseline": "text",
    "value": "number",
    "std_error": "number",
}
TIMINGS = {
    "round": "count",
    "train": "number",
    "barriers": "number",
    "average": "number",
    "evaluate": "number",
}
SUMMARY = {
    "rounds": "count",
    "test_accuracy": "number",
    "test_loss": "number",
    "client_accuracy_mean": "number",
    "client_accuracy_std": "number",
    "clients_without_test": "count",
    "full_barrier": "number",
    "max_layer_barrier": "number",
    "max_layer": "text",
    "end_loss_spread": "number",
    "bytes_up": "count",
    "bytes_down": "count",
}
ANALYSIS = {
    "round": "count",
    "split": "text",
    "metric": "text",
    "kind": "text",
    "set": "text",
    "base": "text",
    "alpha": "number",
    "beta": "number",
    "sigma": "number",
    "draw": "count",
    "epoch": "count",
    "variant": "text",
    "baseline": "text",
    "value": "number",
    "std_error": "number",
}


def round_row(record: Json) -> Json:
    """Makes the row of a line of `rounds.jsonl`: evaluation and barriers beside the other values."""
    evaluation, barriers = record["evaluation"], record["barriers"] or {}
    if evaluation is not None:
        without = {"clients_without_test": 0, "clients_without_validation": 0}
        evaluation = {**without, **evaluation}
    counts = {"reported": len(record["reported"]), "missing": len(record["missing"])}
    return {**record, **(evaluation or {}), **barriers, **counts}


def layer_rows(record: Json, barriers: Json) -> Iterator[Json]:
    """Makes a row per layer of a line of `rounds.jsonl`. `barriers` has the barrier of averaging a
    single layer, by the round and the layer."""
    averaged = record["averaged"].split("+")
    moved = {layer["layer"]: layer for layer in record.get("layers", [])}
    for position, layer in enumerate(record["bytes"]):
        name = layer["layer"]
        yield {
            "round": record["round"],
            "layer": name,
            "position": position,
            "averaged": averaged == ["all"] or name in averaged,
            "bytes_up": layer["up"],
            "bytes_down": layer["down"],
            "barrier": barriers.get((record["round"], name)),
            **moved.get(name, {}),
        }


def layer_barriers(rows: Iterable[Json]) -> dict[tuple[int, str], float | None]:
    """Returns the barriers of single layers that tables show, by round and layer: test loss,
    baseline `mean`, α = ½, mean over the bases."""
    shown = {"kind": "layer", "metric": "loss", "split": "test", "baseline": "mean"}
    shown |= {"base": "mean", "alpha": 0.5}
    return {
        (row["round"], row["set"]): row["value"]
        for row in rows
        if all(row.get(key) == value for key, value in shown.items())
    }


def client_rows(record: Json) -> Iterator[Json]:
    """Makes a row per client of the cohort: those that reported, then the missing."""
    for client in record["reported"]:
        yield {"round": record["round"], "client": client, "reported": True}
    for missing in record["missing"]:
        yield {
            "round": record["round"],
            "client": missing["client"],
            "reported": False,
            "reason": missing["reason"],
        }
