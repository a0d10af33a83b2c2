"""Compiled steps with a GradScaler: scales, skipped steps and counts are those of the steps uncompiled."""

import numpy as np
import pytest

from gpugrad import nn, optim
from gpugrad.errors import TraceError
from gpugrad.program import compile

from .running import batches, each_as_eager, plain, trained

PROGRAMS = {}


def program(f):
    PROGRAMS[f.__name__] = f
    return f


def with_overflow(i, x):
    return np.clip(x, -1, 1) * np.float32(3e38) if i in (2, 5) else x


@program
def loss_scaling(c):
    model = plain()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    scaler = optim.GradScaler(init_scale=2.0**10, growth_interval=2)

    @c
    def step(x, y):
        optimizer.zero_grad()
        loss = nn.cross_entropy(model(x), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss

    def after(i):
        entry = optimizer.state_dict()["state"][0]
        return [scaler.get_scale(), scaler.state_dict()["growth_tracker"], *entry.values()]

    data = [(with_overflow(i, x), y) for i, (x, y) in enumerate(batches(8))]
    return trained(model, step, data, after)


@program
def loss_scaling_of_float16_with_clipping(c):
    model = plain().to("float16")
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    scaler = optim.GradScaler(init_scale=2.0**14, growth_interval=3)

    @c
    def step(x, y):
        optimizer.zero_grad()
        loss = nn.cross_entropy(model(x).astype("float32"), y)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        norm = optim.clip_grad_norm_(model.parameters(), 0.5)
        scaler.step(optimizer)
        scaler.update()
        return loss, norm

    data = [((x * (300 if i == 4 else 1)).astype("f2"), y) for i, (x, y) in enumerate(batches(8))]
    return trained(model, step, data, lambda i: [scaler.get_scale()])


@program
def loss_scaling_in_three_programs(c):
    model = plain()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scaler = optim.GradScaler(init_scale=2.0**10, growth_interval=3)

    @c
    def gradients(x, y):
        optimizer.zero_grad()
        scaler.scale(nn.cross_entropy(model(x), y)).backward()
        scaler.unscale_(optimizer)

    update, rescale = c(lambda: scaler.step(optimizer)), c(scaler.update)

    def step(x, y):
        gradients(x, y)
        took = update()
        rescale()
        return np.asarray(took)

    data = [(with_overflow(i, x), y) for i, (x, y) in enumerate(batches(8))]
    return trained(model, step, data, lambda i: [scaler.get_scale()])


@program
def a_scaler_whose_settings_and_state_change(c):
    model = plain()
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    scaler = optim.GradScaler(init_scale=16.0, growth_interval=2)

    @c
    def step(x, y):
        optimizer.zero_grad()
        scaler.scale(nn.cross_entropy(model(x), y)).backward()
        scaler.step(optimizer)
        scaler.update()

    def after(i):
        if i == 2:
            scaler.growth_factor = 4.0
        if i == 4:
            scaler.load_state_dict({"scale": 8.0, "growth_tracker": 1})
        return [scaler.get_scale()]

    return trained(model, step, batches(8), after)


test_a_program = each_as_eager(PROGRAMS)


def test_a_second_step_after_one_that_may_be_skipped():
    model = plain()
    optimizer, scaler = optim.SGD(model.parameters(), lr=0.1), optim.GradScaler()

    def step(x, y):
        scaler.scale(nn.cross_entropy(model(x), y)).backward()
        scaler.step(optimizer)
        optimizer.step()

    with pytest.raises(TraceError, match="stepped again after a step that a GradScaler may skip"):
        compile(step)(*batches(1)[0])
    assert scaler.state_dict() == {"scale": 2.0**16, "growth_tracker": 0}
    assert optimizer.state_dict()["state"][0] == {}
