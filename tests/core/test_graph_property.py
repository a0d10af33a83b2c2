"""Random graphs with shared nodes: reverse mode, forward mode and differences must agree on each of them."""

import numpy as np
from hypothesis import given, note
from hypothesis import strategies as st

import gpugrad as gg
from gpugrad import ops

SHAPES = [(), (3,), (1, 3), (2, 1), (2, 3)]  # all of them broadcast against each other
ROOM = np.zeros((2, 3))

# Each keeps values of about one: no graph overflows, and differences stay meaningful.
STEPS = {
    "mean": lambda a, b: (a + b) * 0.5,
    "difference": lambda a, b: 0.5 * a - b * 0.5,
    "gate": lambda a, b: ops.tanh(a) * b,
    "ratio": lambda a, b: a / (2.0 + b * b),
    "sin": lambda a, b: ops.sin(a),
    "negative": lambda a, b: -a,
    "constant": lambda a, b: a + np.array([0.1, -0.2, 0.3]),
    "sum": lambda a, b: (a + ROOM).sum(axis=0) * 0.3,
    "column": lambda a, b: (b + ROOM).sum(axis=1, keepdims=True) * 0.2,
    "spread": lambda a, b: a + ROOM,
    "take": lambda a, b: (a + ROOM)[:, [2, 0, 2]],
    "view": lambda a, b: (a + ROOM)[1, ::-1],
    "flip": lambda a, b: (a + ROOM).reshape((3, 2)).transpose()[:, :] * 0.7,
    "join": lambda a, b: ops.concatenate([a + ROOM, b + ROOM], axis=0)[1:3],
    "mix": lambda a, b: (a + ROOM) @ (b + ROOM).T @ (a + ROOM) * 0.1,
}


@st.composite
def graphs(draw):
    """(shapes of the inputs, steps (name, i, j) on values so far, how many of the last are outputs)."""
    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3))
    n_steps = draw(st.integers(1, 10))
    steps = [
        (
            draw(st.sampled_from(sorted(STEPS))),
            draw(st.integers(0, len(shapes) + k - 1)),
            draw(st.integers(0, len(shapes) + k - 1)),
        )
        for k in range(n_steps)
    ]
    return shapes, steps, draw(st.integers(1, 3)), draw(st.integers(0, 2**16))


def run(steps, n_outputs, xs):
    values = list(xs)
    for name, i, j in steps:
        values.append(STEPS[name](values[i], values[j]))
    return tuple(values[-n_outputs:])


def dot(a, b):
    return sum(float(np.vdot(x, y)) for x, y in zip(a, b, strict=True))


def drawn(rng, values):
    return [rng.uniform(-1.0, 1.0, np.shape(v)) for v in values]


def agree(a, b, scale, tolerance):
    assert abs(a - b) <= tolerance * (1.0 + scale), (a, b)


@given(graphs())
def test_reverse_forward_and_differences_agree(graph):
    shapes, steps, n_outputs, seed = graph
    note(f"{shapes} {steps}")
    rng = np.random.default_rng(seed)
    xs = drawn(rng, [np.zeros(s) for s in shapes])

    def f(*xs):
        return run(steps, n_outputs, xs)

    ys, pull = gg.vjp(f, *xs)
    us, vs = drawn(rng, ys), drawn(rng, xs)
    reverse = pull(tuple(us))
    _, forward = gg.jvp(f, xs, vs)
    assert [g.shape for g in reverse] == [x.shape for x in xs]
    assert [t.shape for t in forward] == [y.shape for y in ys]
    by_reverse, by_forward = dot(reverse, vs), dot(us, forward)
    scale = sum(float(np.abs(g).sum()) for g in reverse)
    agree(by_reverse, by_forward, scale, 1e-12)

    def along(h):
        return dot(us, [np.asarray(y) for y in f(*(x + h * v for x, v in zip(xs, vs, strict=True)))])

    h = 1e-3  # the quotient is off by about h^4 times a fifth derivative, and by 1e-16 / h
    quotient = (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h)
    agree(by_reverse, quotient, scale, 1e-6)


@given(graphs())
def test_backward_gives_what_vjp_gives(graph):
    shapes, steps, n_outputs, seed = graph
    rng = np.random.default_rng(seed)
    xs = drawn(rng, [np.zeros(s) for s in shapes])
    ys, pull = gg.vjp(lambda *xs: run(steps, n_outputs, xs), *xs)
    us = drawn(rng, ys)
    expected = pull(tuple(us))
    leaves = [gg.Tensor(x, requires_grad=True) for x in xs]
    outputs = run(steps, n_outputs, leaves)
    for y, u in zip(outputs, us, strict=True):  # one sweep for each output: gradients add up
        if y.requires_grad:
            y.backward(u, retain_graph=True)
    for leaf, g in zip(leaves, expected, strict=True):
        got = np.zeros_like(g) if leaf.grad is None else leaf.grad.numpy()
        np.testing.assert_allclose(got, g, rtol=1e-10, atol=1e-12)


@given(graphs())
def test_second_derivatives_agree_whichever_mode_comes_first(graph):
    shapes, steps, n_outputs, seed = graph
    rng = np.random.default_rng(seed)
    xs = drawn(rng, [np.zeros(s) for s in shapes])
    us = drawn(rng, [np.asarray(y) for y in run(steps, n_outputs, xs)])
    vs, ws = drawn(rng, xs), drawn(rng, xs)

    def loss(*xs):
        return sum(((y * u).sum() for y, u in zip(run(steps, n_outputs, xs), us, strict=True)), start=0.0)

    every = tuple(range(len(xs)))
    gradient = gg.grad(loss, every)
    forward_over_reverse = dot(gg.jvp(gradient, xs, vs)[1], ws)
    reverse_over_reverse = dot(gg.vjp(gradient, *xs)[1](tuple(ws)), vs)  # the Hessian is symmetric

    def slope(*xs):
        return gg.jvp(loss, xs, vs)[1]

    reverse_over_forward = dot(gg.grad(slope, every)(*xs), ws)
    forward_over_forward = float(gg.jvp(slope, xs, ws)[1])
    leaves = [gg.Tensor(x, requires_grad=True) for x in xs]
    total = loss(*leaves)
    by_backward = 0.0
    if total.requires_grad:
        total.backward(create_graph=True)
        first = [leaf.grad for leaf in leaves]
        along = sum(((g * v).sum() for g, v in zip(first, vs, strict=True) if g is not None), start=gg.Tensor(0.0))
        for leaf in leaves:
            leaf.grad = None
        if along.requires_grad:
            along.backward()
        by_backward = sum(dot([t.grad.numpy()], [w]) for t, w in zip(leaves, ws, strict=True) if t.grad is not None)
    scale = abs(reverse_over_reverse)
    for other in (forward_over_reverse, reverse_over_forward, forward_over_forward, by_backward):
        agree(other, reverse_over_reverse, scale, 1e-9)
