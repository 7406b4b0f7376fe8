"""[`Run`]: a run folder; [`open`] opens one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from . import tables
from .errors import RunError
from .files import last_checkpoint, read_json, read_lines
from .frames import Library, choose, frame
from .tables import Json


def open(run: str | os.PathLike[str], library: Library | None = None) -> Run:
    """Opens a run folder. Frames are of `library`, `"pandas"` or `"polars"`; by default of the first
    of the two that is installed.

    Raises `RunError` if the folder is no run."""
    return Run(run, library)


class Run:
    """A run folder. Each frame is read when it is first asked for, up to the last checkpoint of each
    strategy and seed.

    The first columns of a frame are `run`, `scenario`, `strategy`, `seed`, and `variant.KEY` for
    every key that the scenario's sweep sets."""

    def __init__(self, run: str | os.PathLike[str], library: Library | None = None) -> None:
        self.path = Path(run)
        self.info: Json = read_json(self.path / "run.json")
        self._library = choose(library)
        try:
            plans = self.info["provenance"]["plans"]
        except KeyError:
            raise RunError(
                f"`{self.path}` was written by an earlier version; `fedlayer resume` mends that"
            ) from None
        variants = self._variants()
        self._swept = list(dict.fromkeys(key for keys in variants.values() for key in keys))
        self._plans = [_Plan(self, plan, variants) for plan in plans]

    def __repr__(self) -> str:
        return f"fedlayer.open({str(self.path)!r})"

    @cached_property
    def rounds(self) -> Any:
        """A row per committed round."""
        return self._frame(tables.ROUNDS, lambda plan: map(tables.round_row, plan.rounds()))

    @cached_property
    def layers(self) -> Any:
        """A row per committed round and layer."""

        def rows(plan: _Plan) -> Iterator[Json]:
            barriers = tables.layer_barriers(plan.barriers())
            for record in plan.rounds():
                yield from tables.layer_rows(record, barriers)

        return self._frame(tables.LAYERS, rows)

    @cached_property
    def clients(self) -> Any:
        """A row per committed round and client of its cohort."""
        rows = lambda plan: (row for of in plan.rounds() for row in tables.client_rows(of))
        return self._frame(tables.CLIENTS, rows)

    @cached_property
    def barriers(self) -> Any:
        """A row per measured value."""
        return self._frame(tables.BARRIERS, lambda plan: plan.barriers())

    @cached_property
    def timings(self) -> Any:
        """The seconds of each committed round."""
        return self._frame(tables.TIMINGS, lambda plan: plan.timings())

    @cached_property
    def summary(self) -> Any:
        """A row per strategy and seed. Raises `RunError` if the run is not finished."""
        summary = read_json(self.path / "summary.json")
        keys = {"scenario": summary["scenario"], "run": self._label()}
        rows = [
            {"clients_without_test": 0, **row, **keys, **_settings(row.get("variant"))}
            for row in summary["rows"]
        ]
        return frame(rows, {**self._keys(), **tables.SUMMARY}, self._library)

    @cached_property
    def analyses(self) -> Mapping[str, Any]:
        """A frame per analysis, by its name."""
        paths = sorted((self.path / "analyses").glob("*.jsonl"))
        rows = {path.stem: list(read_lines(path)) for path in paths}
        make = lambda of: frame(of, tables.ANALYSIS, self._library)
        return {name: make(of) for name, of in rows.items()}

    def _label(self) -> str:
        return self.path.resolve().name

    def _keys(self) -> dict[str, str]:
        fixed = {"run": "text", "scenario": "text", "strategy": "text", "seed": "count"}
        return {**fixed, **{key: "text" for key in self._swept}}

    def _frame(self, own: Mapping[str, str], rows: Callable[[_Plan], Iterator[Json]]) -> Any:
        all_rows = [{**row, **plan.keys} for plan in self._plans for row in rows(plan)]
        return frame(all_rows, {**self._keys(), **own}, self._library)

    def _variants(self) -> dict[str, dict[str, str]]:
        """Returns the settings of each variant by its folder, as the summary has them."""
        path = self.path / "summary.json"
        rows = read_json(path)["rows"] if path.exists() else []
        found = [row["variant"] for row in rows if row.get("variant")]
        return {variant["folder"]: _settings(variant) for variant in found}


class _Plan:
    """The part of a run folder that belongs to a strategy and seed."""

    def __init__(self, run: Run, plan: Json, variants: Mapping[str, Json]) -> None:
        self._folder = run.path / plan["folder"]
        self._head = last_checkpoint(self._folder)
        keys = {"run": run._label(), "scenario": run.info["scenario"]}
        keys |= {"strategy": plan["strategy"], "seed": plan["seed"]}
        variant = plan["folder"].split("/")[:-2]
        if variant and not variants:
            # Without a summary, the name of the variant's folder is all that is known of it.
            run._swept = ["variant.folder"]
            keys["variant.folder"] = variant[0]
        self.keys = {**keys, **(variants.get(variant[0], {}) if variant else {})}

    def rounds(self) -> Iterator[Json]:
        return self._lines("rounds")

    def barriers(self) -> Iterator[Json]:
        return self._lines("barriers")

    def timings(self) -> Iterator[Json]:
        if self._head is None:
            return iter(())
        last = self._head["round"]
        lines = read_lines(self._folder / "timings.jsonl")
        return (line for line in lines if line["round"] <= last)

    def _lines(self, name: str) -> Iterator[Json]:
        if self._head is None:
            return iter(())
        return read_lines(self._folder / f"{name}.jsonl", self._head[f"{name}_bytes"])


def _settings(variant: Json | None) -> dict[str, str]:
    """Returns the columns of a variant."""
    settings = variant["settings"] if variant else []
    return {f"variant.{setting['key']}": setting["value"] for setting in settings}
