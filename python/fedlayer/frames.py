"""From rows to frames of pandas or polars, whichever the user chose."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from .errors import RunError

Library = Literal["pandas", "polars"]
Row = Mapping[str, Any]

# The types of a column's values, as both libraries call them.
_PANDAS = {"count": "UInt64", "number": "float64", "flag": "boolean", "text": "object"}
_POLARS = {"count": "UInt64", "number": "Float64", "flag": "Boolean", "text": "String"}


def choose(library: Library | None) -> Library:
    """Returns the library that was asked for, or the first that is installed."""
    if library not in (None, "pandas", "polars"):
        raise RunError(f"`{library}` is not a library of frames; use `pandas` or `polars`")
    for name in [library] if library else ["pandas", "polars"]:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
        return name  # type: ignore[return-value]
    wanted = f"`{library}` is" if library else "neither `pandas` nor `polars` is"
    raise ImportError(f"{wanted} not installed; try `pip install {library or 'pandas'}`")


def frame(rows: Sequence[Row], columns: Mapping[str, str], library: Library) -> Any:
    """Makes a frame of these columns. `columns` gives each one's type: `count`, `number`, `flag` or
    `text`. A missing value is null."""
    module = importlib.import_module(library)
    values = {name: [row.get(name) for row in rows] for name in columns}
    if library == "polars":
        kinds = {name: getattr(module, _POLARS[kind]) for name, kind in columns.items()}
        return module.DataFrame(values, schema=kinds)
    return module.DataFrame(
        {
            name: module.Series(values[name], dtype=_PANDAS[kind])
            for name, kind in columns.items()
        }
    )
