"""The reader finds what the JSON lines of a run have. `python -m unittest` runs it; the first of
pandas and polars that is installed makes the frames."""

import json
import shutil
import tempfile
import unittest
from pathlib import Path

import fedlayer

FIXTURES = Path(__file__).parents[2] / "tests/it/fixtures/runs"


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


class Reader(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.run = Path(self.folder.name) / "finished"
        shutil.copytree(FIXTURES / "finished", self.run)

    def test_every_line_is_a_row(self) -> None:
        run = fedlayer.open(self.run)
        written = [
            line for name in ["all", "body"] for line in lines(self.run / name / "seed-1/rounds.jsonl")
        ]
        self.assertEqual(list(run.rounds["round"]), [line["round"] for line in written])
        self.assertEqual(list(run.rounds["train_loss"]), [line["train_loss"] for line in written])
        accuracies = [line["evaluation"]["test_accuracy"] for line in written]
        self.assertEqual(list(run.rounds["test_accuracy"]), accuracies)
        self.assertEqual(list(run.rounds["strategy"]), ["all"] * 4 + ["body"] * 4)
        bytes_up = [layer["up"] for line in written for layer in line["bytes"]]
        self.assertEqual(list(run.layers["bytes_up"]), bytes_up)
        clients = [client for line in written for client in line["reported"]]
        self.assertEqual(list(run.clients["client"]), clients)
        self.assertEqual(len(run.timings), 8)
        self.assertEqual(len(run.summary), 2)
        measured = lines(self.run / "analyses/body.jsonl")
        self.assertEqual(len(run.analyses["body"]), len(measured))

    def test_a_run_that_goes_on_ends_at_its_last_checkpoint(self) -> None:
        path = self.run / "all/seed-1/rounds.jsonl"
        path.write_bytes(path.read_bytes() + b'{"round":5,"att')
        self.assertEqual(len(fedlayer.open(self.run).rounds), 8)
        (self.run / "all/seed-1/checkpoints/round-0000004.safetensors").unlink()
        self.assertEqual(list(fedlayer.open(self.run).rounds["round"]), [1, 2, 3, 1, 2, 3, 4])

    def test_a_damaged_line_is_named(self) -> None:
        path = self.run / "body/seed-1/rounds.jsonl"
        path.write_text(path.read_text().replace('{"round":2', '["round":2'))
        with self.assertRaisesRegex(fedlayer.RunError, "rounds.jsonl` is damaged: line 2"):
            fedlayer.open(self.run).rounds

    def test_a_folder_that_is_no_run_is_named(self) -> None:
        with self.assertRaisesRegex(fedlayer.RunError, "run.json"):
            fedlayer.open(self.folder.name)


if __name__ == "__main__":
    unittest.main()
