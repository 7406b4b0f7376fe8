"""Local training and evaluation by PyTorch in float64: writes fixtures/training.json. See README.md."""

import itertools

import torch

from network import Network, flat, labels_of, rounded, write

FEATURES, CLASSES, POOL = 5, 3, 24
BATCH, EPOCHS, ROUNDS = 4, 2, 3
# The examples of two clients: 3 steps an epoch (4, 4, 3), and 2 (4, 2).
CLIENTS = [list(range(0, 11)), list(range(11, 17))]
# The models are evaluated on the examples from here on.
TEST = 17

SGD = {"sgd": {"lr": 0.1}}
MOMENTUM = {"sgd": {"lr": 0.1, "momentum": 0.9}}
NESTEROV = {"sgd": {"lr": 0.1, "momentum": 0.9, "nesterov": True}}
DECAY = {"sgd": {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.05}}
ADAM = {"adam": {"lr": 0.02}}
ADAM_DECAY = {"adam": {"lr": 0.02, "beta1": 0.8, "beta2": 0.99, "epsilon": 1e-6, "weight_decay": 0.05}}

MLP = {"mlp": [4, 3]}
CASES = {
    "linear": {"model": "linear", "optimizer": SGD},
    "deep linear": {"model": {"deep-linear": [4, 3]}, "optimizer": SGD},
    "diagonal linear of depth 2": {"model": {"diagonal-linear": 2}, "optimizer": SGD},
    "diagonal linear of depth 3, squared": {"model": {"diagonal-linear": 3}, "optimizer": MOMENTUM, "loss": "squared"},
    "mlp": {"model": MLP, "optimizer": SGD},
    "mlp with tanh": {"model": {"mlp": {"hidden": [4, 3], "activation": "tanh"}}, "optimizer": SGD},
    "mlp with sigmoid": {"model": {"mlp": {"hidden": [4], "activation": "sigmoid"}}, "optimizer": ADAM},
    "mlp with identity": {"model": {"mlp": {"hidden": [4], "activation": "identity"}}, "optimizer": SGD},
    "momentum": {"model": MLP, "optimizer": MOMENTUM},
    "momentum kept": {"model": MLP, "optimizer": MOMENTUM, "optimizer_state": "keep"},
    "nesterov": {"model": MLP, "optimizer": NESTEROV},
    "weight decay": {"model": MLP, "optimizer": DECAY},
    "adam": {"model": MLP, "optimizer": ADAM},
    "adam kept": {"model": MLP, "optimizer": ADAM, "optimizer_state": "keep"},
    "adam with weight decay": {"model": MLP, "optimizer": ADAM_DECAY},
    "clip": {"model": MLP, "optimizer": SGD, "clip": 0.3},
    "clip, momentum and weight decay": {"model": MLP, "optimizer": DECAY, "clip": 0.3},
    "squared": {"model": MLP, "optimizer": SGD, "loss": "squared"},
    "step schedule": {"model": MLP, "optimizer": SGD, "schedule": {"step": {"every": 1, "factor": 0.5}}},
    "multi-step schedule": {"model": MLP, "optimizer": MOMENTUM, "schedule": {"multi-step": {"at": [1, 3], "factor": 0.1}}},
    "cosine schedule": {"model": MLP, "optimizer": SGD, "schedule": "cosine"},
    "cosine schedule with warm-up, adam": {
        "model": MLP, "optimizer": ADAM, "schedule": "cosine", "warmup": {"steps": 8, "from": 0.001}},
}


def optimizer_of(spec, parameters):
    (kind, values), = spec.items()
    values = dict(values)
    if kind == "sgd":
        return torch.optim.SGD(parameters, **values)
    betas = (values.pop("beta1", 0.9), values.pop("beta2", 0.999))
    return torch.optim.Adam(parameters, betas=betas, eps=values.pop("epsilon", 1e-8), **values)


def scheduler_of(spec, warmup, optimizer, per_epoch, total):
    """PyTorch's own schedulers, and how many steps pass between two of their steps."""
    schedulers = torch.optim.lr_scheduler
    if spec == "constant":
        return None, 1
    if spec == "cosine":
        return cosine_of(warmup, optimizer, total), 1
    (kind, values), = spec.items()
    if kind == "step":
        return schedulers.StepLR(optimizer, values["every"], values["factor"]), per_epoch
    return schedulers.MultiStepLR(optimizer, values["at"], values["factor"]), per_epoch


def cosine_of(warmup, optimizer, total):
    """Half a cosine, after a linear warm-up where there is one."""
    schedulers = torch.optim.lr_scheduler
    steps = warmup["steps"] if warmup else 0
    cosine = schedulers.CosineAnnealingLR(optimizer, total - steps)
    if warmup is None:
        return cosine
    start = warmup["from"] / optimizer.defaults["lr"]
    linear = schedulers.LinearLR(optimizer, start_factor=start, total_iters=steps)
    return schedulers.SequentialLR(optimizer, [linear, cosine], [steps])


def loss_of(kind, logits, labels):
    """The loss of each example."""
    if kind == "squared":
        one_hot = torch.nn.functional.one_hot(labels, CLASSES)
        return ((logits - one_hot) ** 2).sum(1)
    return torch.nn.functional.cross_entropy(logits, labels, reduction="none")


def memory(optimizer, network):
    """The optimizer's memory as flat vectors, in the order of the parameters."""
    states = [optimizer.state[parameter] for parameter in network.parameters()]
    names = [name for name in ("momentum_buffer", "exp_avg", "exp_avg_sq") if states and states[0].get(name) is not None]
    return [flat([state[name] for state in states]) for name in names]


def train_round(case, network, optimizer, order, examples, before, data):
    """One round; `before` is how many rounds the schedule has behind it. Returns the mean loss that the steps saw."""
    inputs, labels = data
    per_epoch = -(-examples // BATCH)
    steps = per_epoch * EPOCHS
    for group in optimizer.param_groups:
        group["lr"] = optimizer.defaults["lr"]
        group.pop("initial_lr", None)
    scheduler, every = scheduler_of(case.get("schedule", "constant"), case.get("warmup"), optimizer, per_epoch, ROUNDS * steps)
    step = 0
    while scheduler is not None and step < before * steps:
        step += 1
        if step % every == 0:
            scheduler.step()
    step, seen = before * steps, []
    for epoch in range(EPOCHS):
        rows = order[epoch * examples:(epoch + 1) * examples]
        for start in range(0, examples, BATCH):
            batch = rows[start:start + BATCH]
            optimizer.zero_grad()
            losses = loss_of(case.get("loss"), network(inputs[batch]), labels[batch])
            losses.mean().backward()
            seen += losses.tolist()
            if "clip" in case:
                torch.nn.utils.clip_grad_norm_(network.parameters(), case["clip"])
            optimizer.step()
            step += 1
            if scheduler is not None and step % every == 0:
                scheduler.step()
    return sum(seen) / len(seen)


def train_client(case, seed, rows, data):
    """The second of three rounds of one client. A kept optimizer state comes from a real first round."""
    torch.manual_seed(seed)
    network = Network(case["model"], FEATURES, CLASSES)
    optimizer = optimizer_of(case["optimizer"], network.parameters())

    def draw():
        return [rows[at] for _ in range(EPOCHS) for at in torch.randperm(len(rows)).tolist()]

    remembered = 0
    if case.get("optimizer_state") == "keep":
        train_round(case, network, optimizer, draw(), len(rows), 0, data)
        remembered = EPOCHS * -(-len(rows) // BATCH)
    # What crosses the seam is float32.
    network.round_to_f32()
    for state in optimizer.state.values():
        for name, value in state.items():
            if name != "step" and value is not None:
                state[name] = value.float().double()
    before = {"params": flat(network.parameters()), "slots": memory(optimizer, network), "remembered": remembered}
    order = draw()
    loss = train_round(case, network, optimizer, order, len(rows), 1, data)
    inputs, labels = data
    with torch.no_grad():
        logits = network(inputs[TEST:])
        losses = loss_of(case.get("loss"), logits, labels[TEST:])
    return {
        "order": order,
        "examples": len(rows),
        "before": {name: rounded(value) for name, value in before.items()},
        "after": {
            "params": rounded(flat(network.parameters())),
            "slots": rounded(memory(optimizer, network)),
            "loss": rounded(loss),
            "logits": rounded(logits.tolist()),
            "losses": rounded(losses.tolist()),
            "correct": (logits.argmax(1) == labels[TEST:]).tolist(),
        },
    }


def main():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(7)
    inputs = torch.randn(POOL, FEATURES).float().double()
    data = (inputs, labels_of(inputs, CLASSES))
    seeds = itertools.count(100)
    cases = []
    for name, case in CASES.items():
        local = {"epochs": EPOCHS, "batch": BATCH, **{key: value for key, value in case.items() if key != "model"}}
        clients = [train_client(case, next(seeds), rows, data) for rows in CLIENTS]
        cases.append({"name": name, "model": case["model"], "local": local, "clients": clients})
    write("training.json", {
        "features": FEATURES,
        "classes": CLASSES,
        "inputs": rounded(inputs.tolist()),
        "labels": data[1].tolist(),
        "test": TEST,
        "rounds": ROUNDS,
        "rounds_before": 1,
        "cases": cases,
    })


if __name__ == "__main__":
    main()
