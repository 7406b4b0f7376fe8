"""Every network by PyTorch in float64: writes fixtures/networks.json and fixtures/net.pt. See README.md."""

import pathlib
import sys

import torch
from torch.nn import functional

from formula import batch_of, fill, probe, uniform
from modules import CASES
from network import rounded, write

STEPS, MOMENTUM, DECAY = 10, 0.9, 5e-4
NET = pathlib.Path(__file__).parent / "fixtures" / "net.pt"


def loss_of(logits, labels):
    """The mean cross-entropy over all labels."""
    return functional.cross_entropy(logits.flatten(0, -2), labels.flatten())


def measures(name, values, change):
    """[dot, norm, first, middle, last]; the first two of the change, the others of the values."""
    values, change = values.detach().double().flatten(), change.detach().double().flatten()
    picked = [values[at].item() for at in (0, len(values) // 2, len(values) - 1)]
    return [torch.dot(change, probe(name, len(change))).item(), change.norm().item(), *picked]


def evaluated(case, module, dtype):
    inputs, labels = batch_of(case, "", dtype)
    with torch.no_grad():
        logits = module.eval()(inputs)
    return {"eval_logits": logits.flatten()[:64].tolist(), "eval_loss": loss_of(logits, labels).item()}


def differentiated(case, module, dtype):
    inputs, labels = batch_of(case, "", dtype)
    loss = loss_of(module.train()(inputs), labels)
    loss.backward()
    gradients = {name: measures(name, p.grad, p.grad) for name, p in module.named_parameters()}
    return {"train_loss": loss.item(), "gradients": gradients}


def trained(case, module, dtype):
    before = {name: t.clone() for name, t in module.train().state_dict().items()}
    optimizer = torch.optim.SGD(module.parameters(), case.lr, momentum=MOMENTUM, weight_decay=DECAY)
    losses = []
    for step in range(STEPS):
        inputs, labels = batch_of(case, f"/{step}", dtype)
        optimizer.zero_grad()
        loss = loss_of(module(inputs), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    after = module.state_dict()
    return {"losses": losses, "steps": {name: measures(name, t, t.double() - before[name].double()) for name, t in after.items()}}


def results(case, dtype):
    """All that is compared, each from a fresh module."""
    values = {}
    for part in (evaluated, differentiated, trained):
        values |= part(case, fill(case.module().to(dtype), case.gain), dtype)
    return values


def apart(exact, rough, state):
    """How far two lists of measures are from each other: the largest difference of dots and norms over the norm, and of single
    values over the norm divided by the root of the number of values."""
    projected, single = 0.0, 0.0
    for name, a in exact.items():
        norm = max(a[1], 1e-12)
        differences = [abs(x - y) for x, y in zip(a, rough[name])]
        projected = max(projected, *[d / norm for d in differences[:2]])
        single = max(single, *[d / norm * state[name].numel() ** 0.5 for d in differences[2:]])
    return projected, single


def report(case, exact, rough, state):
    """One row: what float32 alone does to each measure."""
    top = max(map(abs, exact["eval_logits"]))
    logits = max(abs(x - y) for x, y in zip(exact["eval_logits"], rough["eval_logits"])) / top
    losses = max(abs(x - y) for x, y in zip(exact["losses"], rough["losses"]))
    numbers = [logits, *apart(exact["gradients"], rough["gradients"], state), *apart(exact["steps"], rough["steps"], state), losses]
    print(f"{case.name:16}", *[f"{number:9.1e}" for number in numbers],
          f"  |logit| {top:5.2f}  loss {exact['train_loss']:5.2f}  steps", *[f"{loss:.2f}" for loss in exact["losses"]], flush=True)


def written(case):
    module = case.module()
    state = module.state_dict()
    exact = results(case, torch.float64)
    report(case, exact, results(case, torch.float32), state)
    values = {key: {name: rounded(row) for name, row in value.items()} if isinstance(value, dict) else rounded(value)
              for key, value in exact.items()}
    facts = {key: getattr(case, key) for key in ("name", "model", "shape", "classes", "targets", "batch", "gain", "lr")}
    return {**facts, "tensors": [[name, list(t.shape)] for name, t in state.items()], **values}


def save_script(case):
    """The module of the last case as TorchScript; what was saved must be what was computed."""
    module = torch.jit.script(fill(case.module(), case.gain).train())
    torch.jit.save(module, NET)
    inputs, _ = batch_of(case, "", torch.float32)
    assert torch.equal(torch.jit.load(NET)(inputs), fill(case.module(), case.gain)(inputs))
    print(f"{NET.name}: {NET.stat().st_size} bytes")


def main():
    torch.set_num_threads(1)
    chosen = [case for case in CASES if len(sys.argv) == 1 or case.name in sys.argv[1:]]
    print("float32 against float64: logits, gradients (dots and norms, single values), steps (the same), losses")
    cases = [written(case) for case in chosen]
    if len(chosen) < len(CASES):
        return
    save_script(CASES[-1])
    names = ["input", "fc.weight"]
    write("networks.json", {"formula": [{"name": name, "u": uniform(name, 4).tolist()} for name in names], "cases": cases})


if __name__ == "__main__":
    main()
