"""An MLflow tracking server has the numbers of the JSON lines."""

import os
import subprocess
import sys

import server

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"


def check(folder, run, plans, call):
    words = [sys.executable, "-m", "mlflow", "server", "--port", "{port}", "--host", "127.0.0.1"]
    words += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    words += ["--artifacts-destination", f"{folder}/artifacts", "--workers", "1"]
    with server.started(words, folder / "mlflow.log", "/health") as address:
        call("export", run, "--mlflow", address)
        find(address, run, plans)
        again = call("export", run, "--mlflow", address)
        assert again.count("is there already") == len(plans), again
        find(address, run, plans)
        refuse(folder, run, address, call)


def find(address, run, plans):
    from mlflow import MlflowClient

    client = MlflowClient(address)
    experiment = client.get_experiment_by_name(plans[0].keys["scenario"])
    runs = client.search_runs([experiment.experiment_id])
    by_name = {found.info.run_name: found for found in runs}
    assert len(runs) == len(plans) == len(by_name), by_name
    for plan in plans:
        found = by_name[f"{run.name}/{plan.folder}"]
        assert found.info.status == "FINISHED"
        assert found.data.params["strategy"] == plan.keys["strategy"]
        assert found.data.params["seed"] == str(plan.keys["seed"])
        numbers = plan.numbers()
        last = {name: values[max(values)] for name, values in numbers.items()}
        assert found.data.metrics == last, f"{plan.folder}: {found.data.metrics}, expected {last}"
        # A request for each name takes its time: of the first and the last plan every value is read.
        every = numbers if plan in [plans[0], plans[-1]] else {}
        for name, expected in every.items():
            history = client.get_metric_history(found.info.run_id, name)
            values = {metric.step: metric.value for metric in history}
            assert values == expected, f"{name}: {values}, expected {expected}"
        for file in ["scenario.toml", f"{plan.folder}/rounds.jsonl"]:
            written = client.download_artifacts(found.info.run_id, file.split("/")[-1])
            with open(written, "rb") as sent:
                assert sent.read() == (run / file).read_bytes(), file


def refuse(folder, run, address, call):
    """A server that refuses is named, with its words and without a secret."""
    wrong = address.replace("://", "://me:hidden@") + "/nowhere"
    try:
        call("export", run, "--mlflow", wrong)
    except subprocess.CalledProcessError as refused:
        assert refused.returncode == 11, refused.stderr
        assert "404" in refused.stderr and "127.0.0.1" in refused.stderr, refused.stderr
        assert "hidden" not in refused.stderr, refused.stderr
    else:
        raise AssertionError("a server without the interface took an export")
