"""The usual layers of torch.nn, scripted and traced: writes fixtures/pure.zip. See README.md.

It holds three archives, each with the code and the pickles of one module with all layers, without the values of its parameters.
"""

import importlib.util
import io
import pathlib
import tempfile
import warnings
import zipfile

import torch
from torch import nn

FILE = pathlib.Path(__file__).parent / "fixtures" / "pure.zip"

# Inputs of the layers, by their names in `LAYERS`.
INPUTS = {
    "rows": torch.rand(2, 8), "line": torch.rand(2, 4, 9), "image": torch.rand(2, 4, 8, 8), "cube": torch.rand(1, 4, 4, 4, 4),
    "series": torch.rand(5, 2, 8), "columns": torch.rand(1, 4, 9), "tokens": torch.tensor([[1, 2]]), "classes": torch.tensor([0, 1]),
}

LAYERS = {
    "rows": [
        nn.Linear(8, 3), nn.Identity(), nn.BatchNorm1d(8), nn.LayerNorm(8), nn.RMSNorm(8), nn.Flatten(), nn.Unflatten(1, (2, 4)),
        nn.ELU(), nn.Hardshrink(), nn.Hardsigmoid(), nn.Hardtanh(), nn.Hardswish(), nn.LeakyReLU(), nn.LogSigmoid(), nn.PReLU(),
        nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), nn.RReLU(), nn.SELU(), nn.CELU(), nn.GELU(), nn.GELU("tanh"), nn.Sigmoid(),
        nn.SiLU(), nn.Mish(), nn.Softplus(), nn.Softshrink(), nn.Softsign(), nn.Tanh(), nn.Tanhshrink(), nn.Threshold(0.1, 20.0),
        nn.GLU(), nn.Softmin(1), nn.Softmax(1), nn.LogSoftmax(1), nn.Dropout(), nn.AlphaDropout(), nn.FeatureAlphaDropout(),
        nn.RNNCell(8, 4), nn.LSTMCell(8, 4), nn.GRUCell(8, 4), nn.utils.parametrizations.weight_norm(nn.Linear(8, 3)),
    ],
    "line": [
        nn.Conv1d(4, 2, 3), nn.ConvTranspose1d(4, 2, 3), nn.MaxPool1d(2), nn.AvgPool1d(2), nn.LPPool1d(2, 2), nn.AdaptiveMaxPool1d(2),
        nn.AdaptiveAvgPool1d(2), nn.ReflectionPad1d(1), nn.ReplicationPad1d(1), nn.ConstantPad1d(1, 2.0), nn.Dropout1d(),
        nn.InstanceNorm1d(4), nn.Upsample(scale_factor=2.0),
    ],
    "image": [
        nn.Conv2d(4, 2, 3, padding=1), nn.Conv2d(4, 2, 3, padding="same", padding_mode="reflect"),
        nn.Conv2d(4, 2, 3, padding=1, padding_mode="circular"), nn.ConvTranspose2d(4, 2, 3), nn.Unfold(3), nn.MaxPool2d(2),
        nn.AvgPool2d(2), nn.LPPool2d(2, 2), nn.AdaptiveMaxPool2d(2), nn.AdaptiveAvgPool2d(2), nn.FractionalMaxPool2d(2, output_size=3),
        nn.ReflectionPad2d(1), nn.ReplicationPad2d(1), nn.ZeroPad2d(1), nn.ConstantPad2d(1, 2.0), nn.CircularPad2d(1), nn.Softmax2d(),
        nn.Dropout2d(), nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.InstanceNorm2d(4, affine=True, track_running_stats=True),
        nn.LocalResponseNorm(2), nn.PixelShuffle(2), nn.PixelUnshuffle(2), nn.ChannelShuffle(2), nn.Upsample(size=(5, 5), mode="bilinear"),
        nn.Upsample(scale_factor=2.0, mode="bicubic"), nn.UpsamplingNearest2d(2),
    ],
    "cube": [
        nn.Conv3d(4, 2, 3), nn.ConvTranspose3d(4, 2, 3), nn.MaxPool3d(2), nn.AvgPool3d(2), nn.AdaptiveMaxPool3d(2),
        nn.AdaptiveAvgPool3d(2), nn.ReplicationPad3d(1), nn.Dropout3d(), nn.BatchNorm3d(4),
    ],
    "columns": [nn.Fold((4, 4), 2)],
    "tokens": [nn.Embedding(5, 3, padding_idx=0, max_norm=1.0), nn.EmbeddingBag(5, 3)],
    "series": [
        nn.RNN(8, 4, 2), nn.LSTM(8, 4, 2, bidirectional=True), nn.LSTM(8, 4, proj_size=2), nn.GRU(8, 4, 2, dropout=0.1),
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2),
    ],
    "rows, rows": [
        nn.Bilinear(8, 8, 2), nn.CosineSimilarity(), nn.PairwiseDistance(), nn.L1Loss(), nn.MSELoss(), nn.BCELoss(),
        nn.BCEWithLogitsLoss(), nn.KLDivLoss(), nn.SmoothL1Loss(), nn.HuberLoss(), nn.PoissonNLLLoss(),
    ],
    "rows, classes": [nn.CrossEntropyLoss(), nn.NLLLoss()],
    "rows, rows, rows": [nn.TripletMarginLoss()],
    "series, series": [nn.TransformerDecoderLayer(8, 2, 16), nn.Transformer(8, 2, 1, 1, 16)],
    "series, series, series": [nn.MultiheadAttention(8, 2)],
}


def all_layers():
    """A module with every layer, whose forward pass calls each of them."""
    calls = []
    module_text = ["import torch", "from torch import nn", "class Layers(nn.Module):", "    def forward(self, " + ", ".join(INPUTS) + "):"]
    for inputs, layers in LAYERS.items():
        for layer in layers:
            calls.append((f"part{len(calls)}", layer))
            # A loss takes probabilities, and layers in place would change what the next ones get.
            arguments = ", ".join(name if name in ("tokens", "classes") else f"{name}.clone()" for name in inputs.split(", "))
            module_text.append(f"        y{len(calls)} = self.part{len(calls) - 1}({arguments})")
    module_text.append("        return y1")
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "layers.py"
        file.write_text("\n".join(module_text))
        spec = importlib.util.spec_from_file_location("layers", file)
        layers = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(layers)
        module = layers.Layers()
        for name, layer in calls:
            module.add_module(name, layer)
        inputs = tuple(INPUTS.values())
        yield "traced", torch.jit.trace(module.train(), inputs, check_trace=False)
        yield "evaluated", torch.jit.trace(module.eval(), inputs, check_trace=False)
        yield "scripted", torch.jit.script(module.train())


def main():
    warnings.simplefilter("ignore")
    torch.manual_seed(13)
    with zipfile.ZipFile(FILE, "w") as out:
        for name, module in all_layers():
            info = zipfile.ZipInfo(f"{name}.pt")
            info.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(info, without_values(module), compresslevel=9)


def without_values(module):
    """The archive of a module, its code and its pickles alone, not compressed."""
    whole, kept = io.BytesIO(), io.BytesIO()
    torch.jit.save(module, whole)
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(kept, "w") as out:
        for entry in sorted(archive.namelist()):
            name = entry.split("/", 1)[1]
            if name.endswith(".py") or name in ("data.pkl", "constants.pkl", "version"):
                out.writestr(zipfile.ZipInfo(f"pure/{name}"), archive.read(entry))
    return kept.getvalue()


if __name__ == "__main__":
    main()
