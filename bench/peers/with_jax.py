"""JAX: eager where single operations are measured, jax.jit and optax where a function is."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from bench.overhead import LINKS, operands
from bench.peers.nets import BETAS, EPS, LR, Net, Trainer, is_regression, parameters_of

SYNC = jax.block_until_ready
use_threads = None  # cannot be changed in a running process
APART = "on one thread, in a process of its own, which is faster here"


def set_threads(threads: int) -> None:
    """XLA takes its threads from the processors and the environment, see bench/pinning.py; float32 is to be float32.

    Without asynchronous dispatch a call runs on the caller's thread, which halves JAX's time where there is one thread.
    """
    if threads == 1:
        jax.config.update("jax_cpu_enable_async_dispatch", False)
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_default_matmul_precision", "highest")


def overhead_cases(n: int) -> dict[str, Callable[[], Any]]:
    """Eager, each waiting for its result; tracked means jax.vjp."""
    x, c, ones = map(jnp.asarray, operands(n))

    def chain(h: Any) -> Any:
        for _ in range(LINKS):
            h = jnp.tanh(h * c + c)
        return h

    def back() -> Any:
        return SYNC(jax.vjp(chain, x)[1](ones))[0]

    return {
        "add untracked": lambda: SYNC(x + c),
        "chain forward untracked": lambda: SYNC(chain(x)),
        "chain": back,
        "NumPy's names": lambda: SYNC(jnp.sin(x)),
    }


def product(kind: str, arrays: tuple[np.ndarray, ...]) -> Callable[[], Any]:
    """One product, or its derivative, jitted."""
    f = {
        "matmul": jnp.matmul,
        "matmul_vjp": lambda g, a, b: jax.vjp(jnp.matmul, a, b)[1](g),
        "linear_vjp": lambda g, x, w: jax.vjp(lambda x, w, b: x @ w.T + b, x, w, jnp.zeros(len(w), w.dtype))[1](g),
    }[kind]
    jitted, wide = jax.jit(f), _wide(arrays[0].dtype)
    with wide(True):
        given = [jnp.asarray(a) for a in arrays]
    if wide is nullcontext:
        return lambda: SYNC(jitted(*given))

    def in_float64() -> Any:
        with wide(True):
            return SYNC(jitted(*given))

    return in_float64


def _wide(dtype: Any) -> Any:
    """The scope in which JAX computes in this dtype: float64 is switched off otherwise."""
    return jax.enable_x64 if dtype == "float64" else nullcontext


def trainer(net: Net, optimizer: str) -> Trainer:
    """A whole step in one jit, parameters and state donated."""
    wide = _wide(net.dtype)
    with wide(True):
        return _trainer(net, optimizer, wide)


def _trainer(net: Net, optimizer: str, wide: Any) -> Trainer:
    chosen = optax.sgd(LR) if optimizer == "sgd" else optax.adam(LR, *BETAS, EPS)
    params = [jnp.array(w) for w in parameters_of(net)]
    state = chosen.init(params)

    def loss_of(params: Any, x: Any, y: Any) -> Any:
        h = x
        for i in range(0, len(params) - 2, 2):
            h = jax.nn.relu(h @ params[i].T + params[i + 1])
        z = h @ params[-2].T + params[-1]
        if is_regression(net):
            return jnp.mean((z - y) ** 2)
        return optax.softmax_cross_entropy_with_integer_labels(z, y).mean()

    def whole(params: Any, state: Any, x: Any, y: Any) -> Any:
        loss, grads = jax.value_and_grad(loss_of)(params, x, y)
        updates, state = chosen.update(grads, state, params)
        return optax.apply_updates(params, updates), state, loss

    jitted = jax.jit(whole, donate_argnums=(0, 1))

    def step(x: Any, y: Any) -> float:
        nonlocal params, state
        with wide(True):
            params, state, loss = jitted(params, state, x, y)
            return float(loss)

    def put(x: Any, y: Any) -> Any:
        with wide(True):
            return jnp.array(x), jnp.array(y)

    return Trainer(put, step, lambda: [np.array(p) for p in params])


def per_sample(kind: str, w: np.ndarray, v: np.ndarray, x: np.ndarray) -> Callable[[], Any]:
    """jit of vmap of grad; the norms from the gradients."""

    def loss(w: Any, v: Any, x: Any) -> Any:
        return ((v @ jnp.tanh(w @ x)) ** 2).sum()

    grads = jax.vmap(jax.grad(loss, (0, 1)), (None, None, 0))

    def norms(*args: Any) -> Any:
        return jnp.sqrt(sum((g * g).sum((1, 2)) for g in grads(*args)))

    f, given = jax.jit(grads if kind == "gradients" else norms), tuple(map(jnp.asarray, (w, v, x)))
    return lambda: SYNC(f(*given))
