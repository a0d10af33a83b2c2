"""Steps as users write them: what they leave is what they leave uncompiled, by NumPy bit for bit."""

import numpy as np

import gpugrad as gg
from gpugrad import Tensor, nn, no_grad, ops, optim

from .running import batches, each_as_eager, plain, stepping, trained

PROGRAMS = {}


def program(f):
    PROGRAMS[f.__name__] = f
    return f


@program
def two_steps_of_one_optimizer(c):
    model = plain()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    schedule = optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)

    @c
    def step(x, y):
        for _ in range(2):
            schedule.step()
            optimizer.zero_grad()
            nn.cross_entropy(model(x), y).backward()
            optimizer.step()

    return trained(model, step, after=lambda i: [schedule.last_epoch, optimizer.state_dict()["state"][0]["step"]])


@program
def batch_norm_by_the_mean_of_all_batches(c):
    model = nn.Sequential(nn.Linear(6, 5, rng=0), nn.BatchNorm1d(5, momentum=None), nn.Linear(5, 3, rng=1))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    return trained(model, stepping(c, optimizer, lambda x, y: nn.cross_entropy(model(x), y)))


@program
def clipping_beyond_the_range_of_float32(c):
    model = plain()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def loss(x, y):
        return nn.mse_loss(model(x), Tensor(x[:, :3] * 1))

    step = stepping(c, optimizer, loss, lambda: [optim.clip_grad_norm_(model.parameters(), 0.3)])
    return trained(
        model, step, [(x * np.float32(s), y) for (x, y), s in zip(batches(), (1, 1e-13, 1e9, 1e12), strict=False)]
    )


@program
def clipping_by_other_norms(c):
    model = plain()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def norms():
        return [optim.clip_grad_norm_(model.parameters(), 0.5, p) for p in (1.0, 3.0, np.inf)]

    return trained(model, stepping(c, optimizer, lambda x, y: nn.cross_entropy(model(x), y), norms))


@program
def micro_batches(c):
    model = plain()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    micro = c(lambda x, y: (nn.cross_entropy(model(x), y) / 3).backward())
    update = c(lambda: optimizer.step())

    def after(i):
        if i % 3 == 2:
            update()
            optimizer.zero_grad()
        return ()

    return trained(model, micro, batches(8), after)


@program
def two_backwards(c):
    model = plain()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    @c
    def step(x, y):
        optimizer.zero_grad()
        z = model(x)
        nn.cross_entropy(z, y).backward(retain_graph=True)
        (z * z).mean().backward()
        nn.mse_loss(model(x), Tensor(x[:, :3] * 1)).backward()
        optimizer.step()

    return trained(model, step)


@program
def means_of_the_parameters(c):
    model, mean = plain(), plain().requires_grad_(False)
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    @c
    def step(x, y):
        optimizer.zero_grad()
        nn.cross_entropy(model(x), y).backward()
        optimizer.step()
        with no_grad():
            for m, p in zip(mean.parameters(), model.parameters(), strict=True):
                m *= 0.9
                m += 0.1 * p

    return trained(model, step, after=lambda i: mean.state_dict().values())


@program
def updates_by_hand(c):
    model = plain()

    @c
    def step(x, y):
        model.zero_grad()
        nn.cross_entropy(model(x), y).backward()
        with no_grad():
            for p in model[0].parameters():
                p -= 0.1 * p.grad
        for p in model[2].parameters():
            p.data -= np.float32(0.1) * p.grad.data

    return trained(model, step)


@program
def a_layer_used_twice_with_a_checkpoint_and_dropout(c):
    layer = nn.Linear(6, 6, rng=0)
    model = nn.Sequential(layer, nn.Tanh(), nn.Dropout(0.5, rng=3), layer)
    optimizer = optim.Adam(model.parameters(), lr=0.1)

    def loss(x, y):
        return nn.cross_entropy(gg.checkpoint(lambda m, x: m(x))(model, x), y)

    return trained(model, stepping(c, optimizer, loss))


@program
def private_gradients(c):
    model = plain()

    def loss(model, x, y):
        return nn.cross_entropy(model(x[None]), y[None])

    @c
    def step(x, y):
        with no_grad():
            grads = list(gg.per_sample_grad(loss)(model, x, y).parameters())
            norms = ops.sqrt(sum(ops.square(ops.reshape(g, (len(x), -1))).sum(axis=1) for g in grads))
            share = ops.minimum(1.0 / (norms + 1e-6), 1.0) / len(x)
            for p, g in zip(model.parameters(), grads, strict=True):
                p -= 0.1 * (g * ops.reshape(share, (-1,) + (1,) * p.ndim)).sum(axis=0)
        return norms

    return trained(model, step)


@program
def measurement_in_evaluation_mode(c):
    model = nn.Sequential(nn.Linear(6, 5, rng=0), nn.BatchNorm1d(5), nn.Dropout(0.5, rng=0), nn.Linear(5, 3, rng=1))

    @c
    def measure(x, y):
        noisy = model(x)
        model.eval()
        with no_grad():
            z = model(x)
            found = {"loss": nn.cross_entropy(z, y), "right": (ops.argmax(z, axis=-1) == y).mean(), "n": len(y)}
        model.train()
        return found, noisy

    return trained(model, measure, after=lambda i: [model.training])


test_a_program = each_as_eager(PROGRAMS)
