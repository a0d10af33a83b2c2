"""What all optimizers share: parameters in groups, and a step that hands each group's buckets to the rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..backend import array_device, backend_of_type, is_array_type
from ..core import parts
from ..core.tensor import Tensor, is_floating
from ..errors import ArgumentError, ArgumentTypeError, DTypeError
from . import saving
from .bucket import Bucket

Params = Iterable[Tensor] | Iterable[dict[str, Any]]


class Optimizer:
    """Base of the update rules: parameters in groups, each with its options in `param_groups`, which may be edited.

    `params` is an iterable of leaf Tensors, or of dictionaries {"params": [...], **options} whose options go before
    the `defaults`.  The state (moments, step counts, float32 master weights of float16 and bfloat16 parameters) is
    kept in flat arrays; parameters stay where they are and are updated in place, without allocating anything.  A
    parameter without gradient is skipped, and its own step count stays.  Learning rates and bias corrections are
    computed in float64 and applied in the parameter's dtype.  2-byte parameters are updated in float32 and rounded;
    where somebody else has written to one since (a loaded checkpoint, say), the new value is taken over.

    A rule is a subclass with `slots`, `coefficients`, `update` and `check`.

    Raises ArgumentError for no parameters or none that requires a gradient, a parameter twice, a tensor that is not a
    leaf, an option that is unknown or out of range; ArgumentTypeError for what is no Tensor; DTypeError for dtypes that
    are not floating.
    """

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self._buckets: list[list[Bucket]] = []
        if isinstance(params, (Tensor, dict)) or is_array_type(type(params)):
            raise ArgumentTypeError(f"{self.name}: params is one {type(params).__name__}; expected a list: [it]")
        items: list[Any] = list(params)
        if not items:
            raise ArgumentError(f"{self.name}: params is empty; expected at least one tensor, as model.parameters()")
        groups = items if all(isinstance(item, dict) for item in items) else [{"params": items}]
        for group in groups:
            self.add_param_group(group)
        if not any(p.requires_grad for group in self.param_groups for p in group["params"]):
            raise ArgumentError(
                f"{self.name}: no parameter requires a gradient, so no step would change any; expected at least one: "
                "call t.requires_grad_()"
            )

    @property
    def name(self) -> str:
        """Name of the rule, as errors and saved states give it."""
        return type(self).__name__

    def add_param_group(self, group: dict[str, Any]) -> None:
        """One more group, {"params": [...], **options}; raises as the constructor does."""
        group = dict(group)
        params = group.pop("params", None)
        params = [params] if isinstance(params, Tensor) else list(params or [])
        label = f"{self.name}: group {len(self.param_groups)}"
        if not params:
            raise ArgumentError(f"{label} has no params; expected {{'params': [...], **options}} with at least one")
        unknown = sorted(set(group) - set(self.defaults) - {"initial_lr"})
        if unknown:
            raise ArgumentError(f"{label} has the unknown option {unknown[0]!r}; expected some of {[*self.defaults]}")
        options = {**self.defaults, **group}
        self.check(options, label)
        seen = {id(p) for g in self.param_groups for p in g["params"]}
        labels = [f"{label}, parameter {j}" for j in range(len(params))]
        for p, name in zip(params, labels, strict=True):
            _check_parameter(p, name, seen)
        self.param_groups.append({"params": params, **options})
        self._buckets.append(_buckets(params, labels))
        parts.changes += 1

    def step(self) -> None:
        """Update every parameter that has a gradient.  Graphs that saved its old value can no longer be swept.

        Raises ShapeError where a gradient does not fit, DeviceError where it lives elsewhere, and ArgumentError where a
        parameter has changed shape, dtype or device since the optimizer was made.
        """
        for group, buckets in zip(self.param_groups, self._buckets, strict=True):
            for bucket in buckets:
                bucket.step(self, group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients; with `set_to_none=False` replace them by zeros, which a step does not skip."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.node is None:
                    continue
                if set_to_none or p.grad is None:
                    p.grad = None
                else:
                    p.grad = Tensor(backend_of_type(type(p.data)).xp.zeros_like(p.data))

    def state_dict(self) -> dict[str, Any]:
        """Everything a later run needs to go on exactly, as copies: NumPy arrays, and numbers fit for JSON.

            {"algorithm": "Adam",
             "param_groups": [{"lr": 0.001, "betas": [0.9, 0.999], ..., "params": [0, 1]}, ...],
             "state": [{"step": 7, "exp_avg": array, "exp_avg_sq": array}, {}, ...]}

        Parameters are numbered through all groups; "state" has one entry for each, empty where it was never updated.
        Arrays have the parameter's shape and its dtype, or float32 for 2-byte parameters, which also have "master".
        """
        return saving.state_dict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a `state_dict` (also one that went through JSON), options included.

        Raises CheckpointError, and then has changed nothing, where rule, groups, shapes or options do not fit.
        """
        saving.load_state_dict(self, state)

    def __getstate__(self) -> Any:
        raise ArgumentTypeError(
            f"{self.name}: an optimizer cannot be copied or pickled, as it shares arrays with its parameters; "
            "make one for the copied parameters and load_state_dict(state_dict())"
        )

    # what a rule says

    def slots(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Names of the state arrays that the options of `group` need."""
        return ()

    def coefficients(self, group: dict[str, Any], t: int) -> tuple[float, ...]:
        """The numbers that update number `t` (from 1) multiplies by, in float64."""
        raise NotImplementedError(f"{type(self).__name__} has no coefficients; define coefficients(self, group, t)")

    def update(self, xp: Any, group: dict[str, Any], c: Any, p: Any, g: Any, state: Any, out: Any, tmp: Any) -> None:
        """Update p and the arrays `state` (as `slots`) in place by the gradient g, which must stay as it is.

        All arrays have one shape and dtype; `c` holds the coefficients, `out` and `tmp` are scratch.
        """
        raise NotImplementedError(f"{type(self).__name__} has no update; define it as Optimizer.update says")

    def check(self, group: dict[str, Any], label: str) -> None:
        """Raise ArgumentError for options out of range."""


def _check_parameter(p: Any, label: str, seen: set[int]) -> None:
    if not isinstance(p, Tensor):
        raise ArgumentTypeError(f"{label} is a {type(p).__name__}; expected a Tensor with requires_grad=True")
    if not p.is_leaf or p.level:
        raise ArgumentError(f"{label} is computed from other tensors; expected a leaf: t.detach().requires_grad_()")
    if not is_floating(p.dtype):
        raise DTypeError(f"{label} has dtype {p.dtype}; expected float16, bfloat16, float32 or float64")
    if id(p) in seen:
        raise ArgumentError(f"{label} came before; expected each parameter once: leave the repetition out")
    seen.add(id(p))


def _buckets(params: list[Tensor], labels: list[str]) -> list[Bucket]:
    """The parameters of a group, those of one dtype and device together."""
    alike: dict[Any, list[int]] = {}
    for j, p in enumerate(params):
        alike.setdefault((p.dtype, array_device(p.data)), []).append(j)
    return [Bucket([params[j] for j in js], [labels[j] for j in js]) for js in alike.values()]


def _keep_options(optimizer: Optimizer) -> Callable[[], bool]:
    """A function that sets the options to what they are now, and says whether they were others."""
    before = [
        (group, {key: value for key, value in group.items() if key != "params"}) for group in optimizer.param_groups
    ]

    def restore() -> bool:
        changed = any(group[key] != value for group, options in before for key, value in options.items())
        for group, options in before:
            group.update(options)
        return changed

    return restore


parts.KINDS.append((Optimizer, lambda optimizer: {"n_groups": len(optimizer.param_groups)}))
parts.SETTINGS.append((Optimizer, _keep_options))
