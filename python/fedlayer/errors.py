"""Errors of run folders."""


class RunError(ValueError):
    """A folder is no run, or a file of it is damaged. The message names the file and the line."""
