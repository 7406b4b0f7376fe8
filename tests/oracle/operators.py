"""The operators of libtorch that are not on the list of pure ones: writes other_operators.txt beside it. See README.md.

Names of lists that are no operator of this libtorch are printed.
"""

import pathlib
import textwrap

import torch

FOLDER = pathlib.Path(__file__).parents[2] / "crates/fedlayer-torch/src/module"
HEAD = """\
# The operators of libtorch 2.11 that a module may not use: all that `pure_operators.txt` leaves out.
# Made by tests/oracle/operators.py.
"""


def main():
    lines = (FOLDER / "pure_operators.txt").read_text().splitlines()
    pure = {name for line in lines if not line.startswith("#") for name in line.split()}
    known = {schema.name.removeprefix("aten::").replace("::", ".") for schema in torch._C._jit_get_all_schemas()}
    known = {name for name in known if "." not in name or name.startswith("prim.")}
    in_place = {name + "_" for name in pure if not name.endswith("_")}
    print("no operators:", sorted(name for name in pure if not {name, name + "_"} & known))
    others = sorted(known - pure - in_place)
    (FOLDER / "other_operators.txt").write_text(HEAD + textwrap.fill(" ".join(others), 108, break_long_words=False) + "\n")


if __name__ == "__main__":
    main()
