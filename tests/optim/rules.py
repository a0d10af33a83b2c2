"""The update rules as their papers write them, in float64 and one parameter at a time."""

import numpy as np


def sgd(p, grads, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    """Every iterate.  Sutskever et al. (2013), with the learning rate outside the buffer."""
    b, path = None, []
    for g in grads:
        g = g + weight_decay * p
        if momentum:
            b = g if b is None else momentum * b + (1 - dampening) * g
            g = g + momentum * b if nesterov else b
        p = p - lr * g
        path.append(p)
    return path


def adam(p, grads, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, decoupled=False):
    """Every iterate.  Kingma and Ba (2015), algorithm 1; with `decoupled` Loshchilov and Hutter (2019), algorithm 2."""
    m = v = largest = np.zeros_like(p)
    path = []
    for t, g in enumerate(grads, start=1):
        if decoupled:
            p = p - lr * weight_decay * p
        else:
            g = g + weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        largest = np.maximum(largest, v)
        m_hat = m / (1 - betas[0] ** t)
        v_hat = (largest if amsgrad else v) / (1 - betas[1] ** t)
        p = p - lr * m_hat / (np.sqrt(v_hat) + eps)
        path.append(p)
    return path


def adamw(p, grads, lr, weight_decay=1e-2, **options):
    """Every iterate of Adam with decoupled weight decay."""
    return adam(p, grads, lr, weight_decay=weight_decay, decoupled=True, **options)


def rmsprop(p, grads, lr, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False):
    """Every iterate.  Tieleman and Hinton (2012); Graves (2013), equations 38 to 41, eps outside the root."""
    v = a = b = np.zeros_like(p)
    path = []
    for g in grads:
        g = g + weight_decay * p
        v = alpha * v + (1 - alpha) * g**2
        a = alpha * a + (1 - alpha) * g
        d = g / (np.sqrt(v - a**2 if centered else v) + eps)
        b = momentum * b + d
        p = p - lr * b
        path.append(p)
    return path


CASES = [
    ("SGD", sgd, {"lr": 0.1}),
    ("SGD", sgd, {"lr": 0.1, "weight_decay": 0.01}),
    ("SGD", sgd, {"lr": 0.1, "momentum": 0.9}),
    ("SGD", sgd, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.01}),
    ("SGD", sgd, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("Adam", adam, {"lr": 0.01}),
    ("Adam", adam, {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-3}),
    ("Adam", adam, {"lr": 0.01, "weight_decay": 0.1}),
    ("Adam", adam, {"lr": 0.01, "amsgrad": True}),
    ("AdamW", adamw, {"lr": 0.01}),
    ("AdamW", adamw, {"lr": 0.01, "weight_decay": 0.1, "amsgrad": True}),
    ("RMSprop", rmsprop, {"lr": 0.01}),
    ("RMSprop", rmsprop, {"lr": 0.01, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1}),
    ("RMSprop", rmsprop, {"lr": 0.01, "momentum": 0.9}),
    ("RMSprop", rmsprop, {"lr": 0.01, "centered": True}),
    ("RMSprop", rmsprop, {"lr": 0.01, "centered": True, "momentum": 0.9, "weight_decay": 0.1}),
]
IDS = [f"{name}-{'-'.join(f'{k}={v}' for k, v in options.items())}" for name, _, options in CASES]
