"""Tensors of fedlayer through PyTorch's own modules, by hand: see README.md."""

import argparse
import json
import pathlib

from safetensors.torch import load_file, save_file

from modules import CASES

FIXTURE = pathlib.Path(__file__).parent / "fixtures" / "networks.json"


def check_names():
    """Holds the tensors of the fixture to the modules."""
    cases = {case["name"]: case for case in json.loads(FIXTURE.read_text())["cases"]}
    assert list(cases) == [case.name for case in CASES], "the fixture has other cases"
    for case in CASES:
        tensors = [[name, list(t.shape)] for name, t in case.build().state_dict().items()]
        assert cases[case.name]["tensors"] == tensors, f"{case.name} has other tensors"
        print(f"{case.name}: {len(tensors)} tensors")
    print("OK")


def exchange(name, source, target):
    """Loads the tensors of `source` into the module of a case, every name and shape alike, and writes the module's own.

    What a checkpoint holds of single clients is left aside.
    """
    module = next(case for case in CASES if case.name == name).build()
    tensors = {name: t for name, t in load_file(source).items() if not name.startswith("client/")}
    module.load_state_dict(tensors, strict=True)
    save_file({name: t.contiguous() for name, t in module.state_dict().items()}, target)
    print("OK")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", nargs="?", choices=[case.name for case in CASES])
    parser.add_argument("source", nargs="?", help="the file that fedlayer wrote")
    parser.add_argument("target", nargs="?", help="the file to write")
    parser.add_argument("--check-names", action="store_true", help="hold the fixture's tensors to the modules")
    given = parser.parse_args()
    if given.check_names:
        check_names()
    elif given.target is None:
        parser.error("a case, a source and a target")
    else:
        exchange(given.case, given.source, given.target)


if __name__ == "__main__":
    main()
