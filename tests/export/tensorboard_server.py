"""TensorBoard shows the numbers of the JSON lines."""

import io
import json
import struct
import sys
import urllib.parse
import urllib.request

from server import get, started, wait

DATA = "/data/plugin"


def as_f32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def check(folder, run, plans):
    words = [sys.executable, "-m", "tensorboard.main", "--logdir", folder, "--port", "{port}"]
    with started([*words, "--host", "127.0.0.1"], folder / "log.txt", "/data/runs") as address:
        ask = lambda path, **query: json.loads(
            get(f"{address}{DATA}/{path}?{urllib.parse.urlencode(query)}")
        )
        wait(lambda: len(json.loads(get(f"{address}/data/runs"))) == len(plans))
        wait(lambda: len(ask("images/tags")) == len(plans))
        for plan in plans:
            name = f"{run.name}/{plan.folder}"
            check_scalars(ask, name, plan)
            check_histograms(ask, name, plan)
            check_image(address, ask, name, plan)
            [text] = ask("text/text", run=name, tag="scenario")
            assert "[data]" in text["text"], text
        check_hyperparameters(address, plans)


def check_scalars(ask, name, plan):
    tags = ask("scalars/tags")[name]
    expected = plan.numbers()
    assert sorted(tags) == sorted(expected), set(tags) ^ set(expected)
    for tag, values in expected.items():
        found = [(step, value) for _, step, value in ask("scalars/scalars", run=name, tag=tag)]
        right = [(step, as_f32(value)) for step, value in values.items()]
        assert found == right, f"{name}, {tag}: {found}, expected {right}"


def check_histograms(ask, name, plan):
    for layer in [layer["layer"] for layer in plan.rounds[0]["bytes"]]:
        expected = plan.norms(layer)
        assert expected, "the run measures no norms"
        tag = f"layers/{layer}/movement_norm"
        found = ask("histograms/histograms", run=name, tag=tag)
        assert [step for _, step, _ in found] == list(expected), found
        for _, step, buckets in found:
            count = sum(bucket[2] for bucket in buckets)
            assert count == len(expected[step]), f"{tag}: {buckets}"
            assert min(bucket[0] for bucket in buckets) <= min(expected[step]) + 1e-9
            assert max(bucket[1] for bucket in buckets) >= max(expected[step]) - 1e-9


def check_image(address, ask, name, plan):
    from PIL import Image

    [image] = ask("images/images", run=name, tag="layers/barriers", sample=0)
    png = get(f"{address}{DATA}/images/individualImage?{image['query']}")
    pixels = Image.open(io.BytesIO(png)).convert("RGB")
    rounds = sorted({row["round"] for row in plan.barriers})
    layers = [layer["layer"] for layer in plan.rounds[0]["bytes"]]
    assert pixels.size == (12 * len(rounds), 12 * len(layers)), pixels.size
    barriers = {(row["layer"], row["round"]): row["barrier"] for row in plan.rows("layers")}
    for y, layer in enumerate(layers):
        for x, round in enumerate(rounds):
            red, _, blue = pixels.getpixel((12 * x + 6, 12 * y + 6))
            value = barriers[layer, round]
            assert (red > blue) == (value > 0), f"{layer}, {round}: {value} is {red}, {blue}"


def check_hyperparameters(address, plans):
    body = {"allowedStatuses": ["STATUS_SUCCESS"], "colParams": [], "startIndex": 0, "sliceSize": 99}
    request = urllib.request.Request(
        f"{address}{DATA}/hparams/session_groups",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    groups = json.loads(urllib.request.urlopen(request).read())["sessionGroups"]
    found = {(group["hparams"]["strategy"], group["hparams"]["seed"]) for group in groups}
    assert found == {(plan.keys["strategy"], plan.keys["seed"]) for plan in plans}, found
