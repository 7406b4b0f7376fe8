"""Reads run folders of the fedlayer program as pandas or polars frames.

    import fedlayer

    run = fedlayer.open("runs/digits")
    run.rounds.groupby("strategy")["test_accuracy"].last()
"""

from .errors import RunError
from .run import Run, open

__all__ = ["Run", "RunError", "open"]
__version__ = "0.1.0"
