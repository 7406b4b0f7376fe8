"""The files of a run folder, as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import RunError


def read_json(path: Path) -> Any:
    """Reads a JSON file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"`{path}` does not exist; is `{path.parent}` a run folder?") from None
    except ValueError as error:
        raise RunError(f"`{path}` is damaged: {error}") from None


def read_lines(path: Path, size: int | None = None) -> Iterator[dict[str, Any]]:
    """Reads a file of JSON lines, up to `size` bytes. Without `size`, a last line without a line end
    is left out: it is being written. An absent file has no lines."""
    if not path.exists():
        return
    with path.open("rb") as file:
        left = path.stat().st_size if size is None else size
        for number, line in enumerate(file, 1):
            left -= len(line)
            if left < 0 or not line.endswith(b"\n"):
                return
            try:
                yield json.loads(line)
            except ValueError as error:
                raise RunError(f"`{path}` is damaged: line {number}: {error}") from None


def last_checkpoint(folder: Path) -> dict[str, Any] | None:
    """Returns the head of a plan's latest checkpoint: its round, and the lengths of the records up
    to it. Returns `None` if there is no checkpoint yet."""
    paths = sorted((folder / "checkpoints").glob("round-*.safetensors"))
    if not paths:
        return None
    with paths[-1].open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(length))
            return json.loads(header["__metadata__"]["fedlayer"])["head"]
        except (ValueError, KeyError) as error:
            raise RunError(f"`{paths[-1]}` is damaged: {error}") from None
