"""JAX's contestants: everything under one jax.jit, float32 products in float32, Adam by hand with donated state."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .cases import HIDDEN, Case
from .contestant import Contestant, in_turns, n_copies
from .reference import ADAM_EPS, BETA1, BETA2, EPS, LR


def pinned() -> Any:
    """jax, with products in full float32 (its own default is TF32)."""
    import jax

    jax.config.update("jax_default_matmul_precision", "highest")
    return jax


def _norm(jnp: Any, axis: int) -> Callable[..., Any]:
    def forward(x: Any, w: Any, b: Any) -> Any:
        wide = x.astype(jnp.float32)
        centred = wide - wide.mean(axis, keepdims=True)
        r = 1 / jnp.sqrt((centred * centred).mean(axis, keepdims=True) + EPS)
        return (centred * r * w.astype(jnp.float32) + b.astype(jnp.float32)).astype(x.dtype)

    return forward


def _loss(jax: Any, jnp: Any, z: Any, labels: Any) -> Any:
    chosen = jnp.take_along_axis(jax.nn.log_softmax(z.astype(jnp.float32), axis=1), labels[:, None], axis=1)
    return -chosen.mean()


def _forward(jax: Any, jnp: Any, params: list[Any], x: Any, labels: Any) -> Any:
    for w, b in zip(params[:HIDDEN], params[HIDDEN + 1 : -1], strict=True):
        x = jax.nn.relu(x @ w.T + b)
    return _loss(jax, jnp, x @ params[HIDDEN].T + params[-1], labels)


def _update(jnp: Any, p: Any, g: Any, m: Any, v: Any) -> Any:
    """Adam's first step."""
    m, v = m + (1 - BETA1) * (g - m), v + (1 - BETA2) * (g * g - v)
    root = (1 - BETA2) ** 0.5
    return p - (LR * root / (1 - BETA1)) * m / (jnp.sqrt(v) + ADAM_EPS * root), m, v


def _calls(jax: Any, jnp: Any) -> dict[str, Callable[..., Any]]:
    def with_vjp(forward: Callable[..., Any]) -> Callable[..., Any]:
        def both(g: Any, x: Any, w: Any, b: Any) -> Any:
            y, pull = jax.vjp(forward, x, w, b)
            return y, *pull(g)

        return both

    def linear_vjp(g: Any, y: Any, x: Any, w: Any) -> Any:
        delta = jnp.where(y > 0, g, 0)
        return delta @ w, delta.T @ x / len(g), delta.sum(0) / len(g)

    return {
        "linear_vjp": linear_vjp,
        "matmul_vjp": lambda g, a, b: (g @ b.swapaxes(1, 2), a.swapaxes(1, 2) @ g),
        "outer_sum": lambda g, x: (g.T @ x,),
        "outer_each": lambda g, x: (g[:, :, None] * x[:, None, :],),
        "cross_entropy": lambda z, labels: jax.value_and_grad(lambda z: _loss(jax, jnp, z, labels))(z),
        "layer_norm": with_vjp(_norm(jnp, 1)),
        "batch_norm": with_vjp(_norm(jnp, 0)),
        "bias_gelu": lambda z, b: (jax.nn.gelu(z + b, approximate=True),),
        "tanh_grad": lambda g, y: (g * (1 - y * y),),
    }


def _with_state(jax: Any, jnp: Any, case: Case, arrays: dict[str, Any]) -> Callable[[], Any]:
    """Adam alone, or a whole step: the state is handed on from call to call, and its memory with it."""
    step_case = case.family == "train_step"
    names = [f"p{i}" for i in range(2 * HIDDEN + 2)] if step_case else ["p"]
    params = [arrays[name] for name in names]
    state = [(p, jnp.zeros_like(p), jnp.zeros_like(p)) for p in params]

    def step(state: Any, given: Any) -> Any:
        if step_case:
            loss_of = lambda ps: _forward(jax, jnp, ps, given["x"], given["labels"])  # noqa: E731
            loss, grads = jax.value_and_grad(loss_of)([s[0] for s in state])
        else:
            loss, grads = None, [given["g"]]
        return [_update(jnp, p, g, m, v) for (p, m, v), g in zip(state, grads, strict=True)], loss

    jitted = jax.jit(step, donate_argnums=0)
    given = {name: a for name, a in arrays.items() if name not in names}
    held = [state]

    def run() -> Any:
        held[0], loss = jitted(held[0], given)
        return (held[0][0][0], held[0][0][1]) if loss is None else (loss, *(m for _, m, _ in held[0]))

    return run


def contestants(jax: Any, case: Case, arrays: dict[str, np.ndarray]) -> Iterator[tuple[str, Callable[[], Contestant]]]:
    """(name, a function that makes it)."""
    import jax.numpy as jnp

    def read(outputs: Any) -> list[np.ndarray]:
        found = [np.asarray(a).astype(np.float64) for a in outputs]
        if case.family == "train_step":  # what comes out is the first moment, of which the gradient is ten times
            found[1:] = [m / (1 - BETA1) for m in found[1:]]
        return found

    def make() -> Contestant:
        n = 1 if case.family in ("adam", "train_step") else n_copies(arrays)
        copies = [{name: jnp.array(a) for name, a in arrays.items()} for _ in range(n)]
        if n == 1 and case.family in ("adam", "train_step"):
            run = _with_state(jax, jnp, case, copies[0])
        else:
            run = in_turns(jax.jit(_calls(jax, jnp)[case.family]), copies)
        return Contestant("jax.jit", run, read, wait=jax.block_until_ready)

    yield "jax.jit", make
