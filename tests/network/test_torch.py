"""Where PyTorch defines the same thing, it comes to the same numbers in float64, over 50 steps."""

import functools

import numpy as np
import pytest
from choices import HIDDEN_ACTIVATIONS, LEARNING_RATES, OPTIMIZERS
from loss_helpers import each_loss, make, rows

from fastmlp.functions.dropout import scaled_mask
from fastmlp.schedules import SCHEDULES

torch = pytest.importorskip("torch")
F = torch.nn.functional

N_STEPS, BATCH = 50, 20
N_ROWS = N_STEPS * BATCH
TOLERANCE = 1e-8
# of the optimisers; none is a default
OPTIONS = {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-5, "weight_decay": 0.1, "rho": 0.8}
BETAS = OPTIONS["beta1"], OPTIONS["beta2"]
WEIGHTS = np.random.RandomState(3).choice([0, 0.5, 1, 3], N_ROWS)

# What PyTorch has for each row of the package's tables: a function of sums; one of sums of the outputs, targets and
# options of the same name; one of parameters and learning rate. Its velocity is not multiplied by the rate, but the
# step is, which is the same while the rate stays.
TWINS = {
    "activation": {
        "identity": lambda sums: sums,
        "relu": F.relu,
        "logistic": torch.sigmoid,
        "tanh": torch.tanh,
        "leaky_relu": F.leaky_relu,
        "elu": F.elu,
        "gelu": F.gelu,
        "gelu_tanh": functools.partial(F.gelu, approximate="tanh"),
        "silu": F.silu,
    },
    "loss": {
        "cross_entropy": F.cross_entropy,
        "squared_error": F.mse_loss,
        "half_squared_error": lambda *arguments, **options: F.mse_loss(*arguments, **options) / 2,
        "absolute_error": F.l1_loss,
        "huber": F.huber_loss,
        "poisson": functools.partial(F.poisson_nll_loss, log_input=True),
        "binary_cross_entropy": F.binary_cross_entropy_with_logits,
    },
    "optimizer": {
        "SGD": torch.optim.SGD,
        "Momentum": functools.partial(torch.optim.SGD, momentum=OPTIONS["beta1"]),
        "Nesterov": functools.partial(torch.optim.SGD, momentum=OPTIONS["beta1"], nesterov=True),
        "Adam": functools.partial(torch.optim.Adam, betas=BETAS, eps=OPTIONS["epsilon"]),
        "AdamW": functools.partial(
            torch.optim.AdamW, betas=BETAS, eps=OPTIONS["epsilon"], weight_decay=OPTIONS["weight_decay"]
        ),
        "RMSprop": functools.partial(torch.optim.RMSprop, alpha=OPTIONS["rho"], eps=OPTIONS["epsilon"]),
    },
}


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Where other processes run, PyTorch's threads wait for each other ten times as long as they compute."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def twin(kind, name):
    if name not in TWINS[kind]:
        pytest.fail(f"the {kind} {name!r} is not compared with PyTorch's: add that to TWINS[{kind!r}] in {__file__}")
    return TWINS[kind][name]


def loss_of(options):
    """PyTorch's loss of a network that is made with these options: its mean, unless `reduction` says otherwise."""
    of_loss = {name: options[name] for name in ("label_smoothing", "delta") if name in options}
    return functools.partial(twin("loss", options.get("loss", "cross_entropy")), **of_loss)


def weighted(options, weights):
    """The mean of the losses of rows with weights; a function of sums, targets and which rows they are."""

    def mean(sums, y, at):
        of_rows = loss_of(options)(sums, y, reduction="none").reshape(len(y), -1).mean(dim=1)
        return (of_rows * weights[at]).sum() / weights[at].sum()

    weights = torch.tensor(weights)
    return mean


def clip(tensors, clip_norm):
    """Clip gradients as PyTorch does, which adds 1e-6 to their norm."""
    norm = torch.nn.utils.get_total_norm([tensor.grad for tensor in tensors])
    torch.nn.utils.clip_grad_norm_(tensors, clip_norm * (1 + 1e-6 / norm))


def trained_by_torch(net, X, y, batches, mean_loss, optimizer, regularization, clip_norm, masks):
    """Losses of the steps, and the parameters after them, from those that the network has now."""
    activation = twin("activation", net.activation)
    params = {name: torch.tensor(array, requires_grad=True) for name, array in net.params.items()}
    step = twin("optimizer", optimizer)(list(params.values()), lr=LEARNING_RATES[optimizer])
    X, y = torch.tensor(X), torch.tensor(y, dtype=None if y.ndim == 1 else torch.float64)
    losses = []
    for n_updates, at in enumerate(batches):
        h = X[at] * masks(n_updates, 0, *X[at].shape)
        for layer in range(1, net.num_layers):
            h = activation(h @ params[f"W{layer}"] + params[f"b{layer}"])
            h = h * masks(n_updates, layer, *h.shape)
        sums = h @ params[f"W{net.num_layers}"] + params[f"b{net.num_layers}"]
        loss = mean_loss(sums, y[at], at)
        loss = loss + regularization / 2 * sum((params[name] ** 2).sum() for name in params if name[0] == "W")
        step.zero_grad()
        loss.backward()
        if clip_norm is not None:
            clip(list(params.values()), clip_norm)
        step.step()
        losses.append(loss.item())
    return losses, {name: tensor.detach().numpy() for name, tensor in params.items()}


def assert_same_training(options, mean_loss=None, optimizer="SGD", regularization=0.0, clip_norm=None, **weights):
    """Both train from the same weights on the same batches; `weights` are arguments of `train_epoch`."""
    X, y = rows(options, N_ROWS)
    net = make(options)
    batches = np.random.RandomState(1).permutation(N_ROWS).reshape(N_STEPS, BATCH)
    seed, rates = net.snapshot()["dropout_seed"], options.get("dropout")

    def masks(n_updates, layer, n_rows, n_units):
        if rates is None:
            return 1.0
        return torch.tensor(scaled_mask(rates[layer], seed, n_updates, layer, n_rows, n_units))

    mean_loss = mean_loss or (lambda sums, y, at: loss_of(options)(sums, y))
    losses, params = trained_by_torch(net, X, y, batches, mean_loss, optimizer, regularization, clip_norm, masks)
    settings = {"regularization": regularization, "clip_norm": clip_norm, "optimizer": optimizer}
    settings["learning_rate"] = LEARNING_RATES[optimizer]
    for at, loss in zip(batches, losses, strict=True):
        found, _ = net.train_epoch(X, y, at, batch_size=BATCH, **settings, **OPTIONS, **weights)
        assert found == pytest.approx(loss, rel=0, abs=TOLERANCE)
    for name, expected in params.items():
        assert np.abs(net.params[name] - expected).max() <= TOLERANCE, name


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error", "binary_cross_entropy"])
@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_activations(activation, loss):
    assert_same_training({"activation": activation, "loss": loss})


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@each_loss
def test_losses(options, optimizer):
    assert_same_training({"activation": "tanh", **options}, optimizer=optimizer)


@pytest.mark.parametrize("regularization", [0.0, 0.1])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizers(optimizer, regularization):
    assert_same_training({"activation": "tanh"}, optimizer=optimizer, regularization=regularization)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_clipping(optimizer):
    assert_same_training({"activation": "tanh"}, optimizer=optimizer, regularization=0.1, clip_norm=0.95)


@each_loss
def test_weights_of_rows(options):
    options = {"activation": "tanh", **options}
    assert_same_training(options, weighted(options, WEIGHTS), regularization=0.1, sample_weight=WEIGHTS)


@pytest.mark.parametrize("class_weight", [{0: 2, 2: 0.5}, "balanced"])
def test_weights_of_classes(class_weight):
    options = {"activation": "tanh"}
    _, y = rows(options, N_ROWS)
    by_class = [2, 1, 0.5] if class_weight != "balanced" else N_ROWS / (3 * np.bincount(y))
    loss = functools.partial(loss_of(options), weight=torch.tensor(by_class, dtype=torch.float64))
    assert_same_training(options, lambda sums, y, at: loss(sums, y), class_weight=class_weight)


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_dropout(activation):
    """PyTorch's network is multiplied by our masks, since it draws other numbers."""
    assert_same_training({"activation": activation, "dropout": [0.1, 0.3, 0.5]}, optimizer="Adam")


# What PyTorch has for each schedule with its usual parameters, and whether it takes a step after each batch.
N_EPOCHS, N_BATCHES = 30, 4
LENGTH = N_EPOCHS * N_BATCHES
WARM = int(0.05 * LENGTH)
LRS = torch.optim.lr_scheduler


def warm_cosine(optimizer):
    parts = [
        LRS.LinearLR(optimizer, start_factor=1 / WARM, total_iters=WARM - 1),
        LRS.CosineAnnealingLR(optimizer, T_max=LENGTH - WARM),
    ]
    return LRS.SequentialLR(optimizer, parts, milestones=[WARM])


SCHEDULE_TWINS = {
    "constant": (lambda optimizer: LRS.ConstantLR(optimizer, factor=1.0), False),
    "exponential": (lambda optimizer: LRS.ExponentialLR(optimizer, gamma=0.95), False),
    "step": (lambda optimizer: LRS.StepLR(optimizer, step_size=10, gamma=0.1), False),
    "cosine": (warm_cosine, True),
    "one_cycle": (
        lambda optimizer: LRS.OneCycleLR(optimizer, max_lr=0.1, total_steps=LENGTH, cycle_momentum=False),
        True,
    ),
    "inverse_scaling": (lambda optimizer: LRS.LambdaLR(optimizer, lambda step: (step + 1) ** -0.5), True),
    "plateau": (LRS.ReduceLROnPlateau, False),
}


@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step\\(\\)`:UserWarning")
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_have_the_same_rates(name):
    make_scheduler, after_each_batch = SCHEDULE_TWINS[name]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler, loss = make_scheduler(optimizer), None
    rates = SCHEDULES[name]().rates(0.1, N_BATCHES, N_EPOCHS)
    random = np.random.RandomState(0)
    for epoch in range(N_EPOCHS):
        found, expected = np.broadcast_to(rates.send(loss), N_BATCHES), []
        for _ in range(N_BATCHES):
            expected.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if after_each_batch and epoch * N_BATCHES + len(expected) < LENGTH:
                scheduler.step()
        np.testing.assert_allclose(found, expected, rtol=1e-9, err_msg=f"epoch {epoch}")
        loss = 3 - min(epoch, 9) / 10 + 0.2 * random.rand()  # which falls for ten epochs
        if not after_each_batch:
            scheduler.step(*([loss] if name == "plateau" else []))
