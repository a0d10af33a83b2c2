"""Compiled training steps: losses, parameters, gradients, buffers and optimizer state equal eager ones, bit for bit."""

import numpy as np
import pytest

from gpugrad import Tensor, nn, no_grad, optim
from gpugrad.program import blocks, compile

from .running import OPTIMIZERS, Run, assert_same, batches, compare, plain, rich


@pytest.mark.parametrize("block", [3, blocks.BLOCK])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer(optimizer, block, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", block)
    compare(optimizer=optimizer)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("block", [3, blocks.BLOCK])
def test_dropout_batch_norm_and_layer_norm(optimizer, block, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", block)
    compare(make=rich, optimizer=optimizer)


@pytest.mark.parametrize("clip", [1e-3, 0.5, 1e3])
def test_clipping_by_norm(clip):
    compare(clip=clip)


def test_clipping_by_value():
    compare(value=1e-3, optimizer="momentum")


def test_class_weights():
    compare(weight=np.array([1.0, 2.0, 0.5], "f4"))


def test_a_learning_rate_that_changes_between_calls_acts_without_a_retrace():
    def halve(run, i):
        run.optimizer.param_groups[0]["lr"] = 0.1 / 2**i

    compare(between=halve, optimizer="momentum")


@pytest.mark.parametrize("kind", ["StepLR", "CosineAnnealingLR"])
def test_a_scheduler_stepped_between_calls(kind):
    make = {
        "StepLR": lambda o: optim.lr_scheduler.StepLR(o, 2),
        "CosineAnnealingLR": lambda o: optim.lr_scheduler.CosineAnnealingLR(o, 6),
    }[kind]
    compare(after=make, between=lambda run, i: run.scheduler.step())


def test_a_scheduler_stepped_inside_acts_in_every_call():
    def run(compiled):
        model = plain()
        optimizer = optim.SGD(model.parameters(), lr=0.5)
        scheduler = optim.lr_scheduler.StepLR(optimizer, 2)

        def step(x, y):
            model.zero_grad()
            nn.cross_entropy(model(x), y).backward()
            optimizer.step()
            scheduler.step()

        step = compile(step) if compiled else step
        for x, y in batches():
            step(x, y)
        assert scheduler.last_epoch == 6
        return model.state_dict()

    assert_same(run(False), run(True))


def test_a_shorter_last_batch_is_one_more_program():
    data = [*batches(3), *batches(1, size=5), *batches(2), *batches(1, size=5, seed=3)]
    compare(data=data, traces=2, make=rich, optimizer="adam")


def test_train_and_eval_mode_are_two_programs():
    run = Run(make=rich)
    forward = compile(lambda x: run.model(x))
    x = batches(1)[0][0]
    for _ in range(2):
        run.model.train()
        forward(x)
        run.model.eval()
        with no_grad():
            np.testing.assert_array_equal(forward(x).numpy(), run.model(x).numpy())
        np.testing.assert_array_equal(forward(x).numpy(), run.model(x).detach().numpy())
    assert forward.n_traces == 3  # training; evaluation, with and without a record


def test_frozen_parameters_are_another_program():
    def freeze(run, i):
        if i in (2, 4):
            run.model[0].requires_grad_(i == 4)
            run.optimizer.zero_grad()

    compare(between=freeze, traces=4, optimizer="momentum")  # the step counts differ while one is frozen, and after


def test_gradients_that_add_up_over_calls():
    def run(compiled):
        model = plain()

        def step(x, y):
            nn.cross_entropy(model(x), y).backward()

        step = compile(step) if compiled else step
        for x, y in batches(4):
            step(x, y)
        return {name: p.grad.numpy() for name, p in model.named_parameters()}

    assert_same(run(False), run(True))


def test_zero_grad_that_keeps_zeros():
    def run(compiled):
        model = plain()
        optimizer = optim.Adam(model.parameters())

        def step(x, y):
            optimizer.zero_grad(set_to_none=False)
            nn.cross_entropy(model(x), y).backward()
            optimizer.step()

        step = compile(step) if compiled else step
        for x, y in batches(4):
            step(x, y)
        return model.state_dict()

    assert_same(run(False), run(True))


def test_eager_and_compiled_steps_may_alternate():
    eager, mixed, plainly = Run(optimizer="adam"), Run(optimizer="adam", compiled=True), None
    plainly = mixed.step.__wrapped__
    for i, (x, y) in enumerate(batches(8)):
        eager.step(x, y)
        (mixed.step if i % 3 else plainly)(x, y)
        assert_same(eager.state(), mixed.state())


def test_a_loaded_state_is_used_without_a_retrace():
    run = Run(optimizer="adam", compiled=True)
    data = batches()
    for x, y in data[:3]:
        run.step(x, y)
    model, optimizer = run.model.state_dict(), run.optimizer.state_dict()
    first = [run.step(x, y).item() for x, y in data[3:]]
    run.model.load_state_dict(model)
    run.optimizer.load_state_dict(optimizer)
    assert first == [run.step(x, y).item() for x, y in data[3:]]
    assert run.step.n_traces == 1


def test_a_tensor_that_is_no_parameter_is_written_where_it_lies():
    count, mean = Tensor(np.zeros(())), Tensor(np.zeros(6))
    arrays = count.data, mean.data

    @compile
    def follow(x):
        nonlocal_count = count
        nonlocal_count += 1
        mean.data[...] = 0.9 * mean + 0.1 * x.mean(axis=0)
        return mean * 1.0

    expected = np.zeros(6)
    for x, _ in batches(4):
        expected = 0.9 * expected + 0.1 * x.mean(axis=0)
        np.testing.assert_allclose(follow(x).numpy(), expected, rtol=1e-12)
    assert count.item() == 4
    assert count.data is arrays[0] and mean.data is arrays[1]


@pytest.mark.parametrize("executor", ["numpy", "list"])
def test_two_optimizers_and_groups_with_options_of_their_own(executor):
    def run(compiled):
        model = plain()
        first = optim.SGD(
            [{"params": [model[0].weight], "lr": 0.5}, {"params": [model[0].bias], "momentum": 0.5}], lr=0.1
        )
        second = optim.Adam(model[2].parameters())

        def step(x, y):
            model.zero_grad()
            nn.cross_entropy(model(x), y).backward()
            first.step()
            second.step()

        step = compile(step, executor=executor) if compiled else step
        for x, y in batches():
            step(x, y)
        return model.state_dict()

    assert_same(run(False), run(True))


def test_tied_parameters():
    def run(compiled):
        w = Tensor(np.linspace(-1, 1, 36).reshape(6, 6).astype("f4"), requires_grad=True)
        optimizer = optim.SGD([w], lr=0.1)

        def step(x, y):
            optimizer.zero_grad()
            loss = nn.mse_loss((x @ w).tanh() @ w, x)
            loss.backward()
            optimizer.step()
            return loss

        step = compile(step) if compiled else step
        return [step(Tensor(x), y).item() for x, y in batches()], w.detach().numpy()

    (a, wa), (b, wb) = run(False), run(True)
    assert a == b
    np.testing.assert_array_equal(wa, wb)


def test_parameters_of_half_precision_and_their_master_weights():
    def run(compiled):
        model = plain().to("float16")
        optimizer = optim.Adam(model.parameters(), lr=0.01)

        def step(x, y):
            optimizer.zero_grad()
            loss = nn.cross_entropy(model(x).astype("float32"), y)
            loss.backward()
            optimizer.step()

        step = compile(step) if compiled else step
        for x, y in batches():
            step(x.astype("f2"), y)
        return model.state_dict()

    assert_same(run(False), run(True))
