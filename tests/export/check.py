"""The real programs read what `fedlayer export` writes, and find the numbers of the JSON lines.

`cargo xtask export-test` calls it: `check.py FEDLAYER FOLDER`, in the checkout's root."""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import fedlayer
import pandas
import polars
import pyarrow.parquet

import mlflow_server
import tensorboard_server
from records import plans

SETTINGS = [
    "--seeds=1,2",
    "--rounds=4",
    "--set=clients.dropout=0.3",
    "--set=evaluate.every=3",
    "--set=barriers.every=2",
    "--set=data.validation_share=0.1",
    "--set=data.client_validation_share=0.1",
    '--set=barriers.sets=["full", "layers"]',
]
TABLES = ["rounds", "layers", "clients", "barriers", "timings"]


def none(value):
    """Returns None for every kind of null, and Python's own number for every kind of number."""
    if value is None or value is pandas.NA or value != value:
        return None
    return value.item() if hasattr(value, "item") else value


def same(name, found, expected):
    """Compares rows, in their order, cell by cell."""
    assert len(found) == len(expected), f"{name}: {len(found)} rows, expected {len(expected)}"
    for number, (row, right) in enumerate(zip(found, expected)):
        row = {key: none(value) for key, value in row.items()}
        assert row == right, f"{name}: row {number}:\n{row}\nexpected:\n{right}"
    print(f"  {name}: {len(found)} rows are the same")


def pandas_rows(frame):
    return frame.astype(object).to_dict("records")


def check_tables(folder, run, expected):
    for table in TABLES:
        right = expected(table)
        parquet, csv = f"{folder}/{table}.parquet", f"{folder}/{table}.csv"
        same(f"pandas, Parquet, {table}", pandas_rows(pandas.read_parquet(parquet)), right)
        same(f"polars, Parquet, {table}", polars.read_parquet(parquet).to_dicts(), right)
        rows = duckdb.sql(f"select * from '{parquet}'").pl().to_dicts()
        same(f"duckdb, Parquet, {table}", rows, right)
        read = pandas.read_csv(csv, keep_default_na=False, na_values=[""])
        same(f"pandas, CSV, {table}", pandas_rows(read), right)
        same(f"polars, CSV, {table}", polars.read_csv(csv, infer_schema_length=None).to_dicts(), right)
        same(f"fedlayer, {table}", getattr(fedlayer.open(run, "polars"), table).to_dicts(), right)
        of_pandas = pandas_rows(getattr(fedlayer.open(run, "pandas"), table))
        same(f"fedlayer of pandas, {table}", of_pandas, right)


def check_metadata(folder, run):
    note = json.loads((run / "run.json").read_text())
    found = pyarrow.parquet.read_metadata(f"{folder}/rounds.parquet").metadata
    assert found[b"fedlayer.schema"] == b"1", found
    [origin] = json.loads(found[b"fedlayer.runs"])
    assert origin["blake3"] == note["provenance"]["scenario_file"]["blake3"], origin
    column = pyarrow.parquet.read_metadata(f"{folder}/rounds.parquet").row_group(0).column(2)
    assert "RLE_DICTIONARY" in column.encodings and column.compression == "ZSTD", column


def main():
    program, folder = Path(sys.argv[1]), Path(sys.argv[2])
    run = folder / "run"

    def call(*arguments):
        words = [str(program), *map(str, arguments)]
        return subprocess.run(words, check=True, capture_output=True, text=True).stderr

    scenario = folder / "export.toml"
    scenario.write_text(subprocess.run([program, "init"], check=True, capture_output=True, text=True).stdout)
    call("run", scenario, *SETTINGS, "--out", run)
    call("export", run, "--parquet", folder / "t", "--csv", folder / "t", "--tensorboard", folder / "b")
    all_plans = plans(run)
    rows = lambda table: [row for plan in all_plans for row in plan.rows(table)]
    assert any(row["reason"] for row in rows("clients")), "no client dropped out"
    check_tables(folder / "t", run, rows)
    check_metadata(folder / "t", run)
    print("tables: right")
    tensorboard_server.check(folder / "b", run, all_plans)
    print("TensorBoard: right")
    mlflow_server.check(folder, run, all_plans, call)
    print("MLflow: right")


if __name__ == "__main__":
    main()
