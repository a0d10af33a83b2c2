"""An optimizer's state as a plain dictionary, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import array_device
from ..backend.device import to_numpy
from ..errors import ArgumentError, CheckpointError
from .bucket import Bucket


def state_dict(optimizer: Any) -> dict[str, Any]:
    """See `Optimizer.state_dict`."""
    groups, state, n = [], [], 0
    for group, buckets in zip(optimizer.param_groups, optimizer._buckets, strict=True):
        options = {key: _plain(value) for key, value in group.items() if key != "params"}
        groups.append({**options, "params": list(range(n, n + len(group["params"])))})
        n += len(group["params"])
        state += [_entry(bucket, k) for bucket, k in _in_order(group, buckets)]
    return {"algorithm": optimizer.name, "param_groups": groups, "state": state}


def _in_order(group: dict[str, Any], buckets: list[Bucket]) -> list[tuple[Bucket, int]]:
    """For each parameter of the group its bucket and its number there."""
    home = {id(p): (bucket, k) for bucket in buckets for k, p in enumerate(bucket.params)}
    return [home[id(p)] for p in group["params"]]


def _entry(bucket: Bucket, k: int) -> dict[str, Any]:
    if not bucket.step_of(k):
        return {}
    names = (*(bucket.names or ()), *(("master",) if bucket.narrow else ()))
    return {"step": bucket.step_of(k), **{name: to_numpy(bucket.state_of(k, name)).copy() for name in names}}


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def load_state_dict(optimizer: Any, state: dict[str, Any]) -> None:
    """See `Optimizer.load_state_dict`: everything is checked before anything is written."""
    name = optimizer.name
    if not isinstance(state, dict) or not {"algorithm", "param_groups", "state"} <= set(state):
        raise CheckpointError(f"{name}: the state lacks algorithm, param_groups or state; expected a state_dict()")
    if state["algorithm"] != name:
        raise CheckpointError(f"{name}: the state is of {state['algorithm']!r}; expected one of {name}: use that rule")
    saved, own = state["param_groups"], optimizer.param_groups
    _check_containers(name, saved, state["state"])
    if [len(g["params"]) for g in saved] != (sizes := [len(g["params"]) for g in own]):
        raise CheckpointError(
            f"{name}: the state has groups of {[len(g['params']) for g in saved]} parameters; expected {sizes}, in the "
            "order of the first run"
        )
    if len(state["state"]) != sum(sizes):
        raise CheckpointError(f"{name}: the state describes {len(state['state'])} parameters; expected {sum(sizes)}")
    groups = [_options(optimizer, i, g) for i, g in enumerate(saved)]
    entries = iter(state["state"])
    plan = []
    for group, options, buckets in zip(own, groups, optimizer._buckets, strict=True):
        slots = optimizer.slots(options)
        for bucket, k in _in_order(group, buckets):
            entry = next(entries)
            _check_entry(bucket, k, entry, slots)
            plan.append((bucket, k, entry, slots))
    for group, options in zip(own, groups, strict=True):
        group.update(options)
    steps: dict[Bucket, list[int]] = {}
    for bucket, k, entry, slots in plan:
        _fill(bucket, k, entry, slots)
        steps.setdefault(bucket, [0] * len(bucket.params))[k] = entry.get("step", 0)
    for bucket, counts in steps.items():
        bucket.set_steps(counts)


def _check_containers(name: str, groups: Any, entries: Any) -> None:
    for what, items in (("param_groups", groups), ("state", entries)):
        if not isinstance(items, list | tuple) or not all(isinstance(item, dict) for item in items):
            raise CheckpointError(f"{name}: {what} of the state is {items!r:.60}; expected a list of dictionaries")
    for i, group in enumerate(groups):
        if not isinstance(group.get("params"), list | tuple):
            raise CheckpointError(
                f"{name}: group {i} of the state has params {group.get('params')!r:.60}; expected a list"
            )


def _options(optimizer: Any, i: int, saved: dict[str, Any]) -> dict[str, Any]:
    label = f"{optimizer.name}: group {i} of the state"
    missing = sorted(set(optimizer.defaults) - set(saved))
    if missing:
        raise CheckpointError(
            f"{label} lacks the option {missing[0]!r}; the checkpoint is damaged or of another version"
        )
    options = {key: tuple(v) if isinstance(v, list) else v for key, v in saved.items() if key != "params"}
    try:
        optimizer.check(options, label)
    except ArgumentError as error:
        raise CheckpointError(str(error)) from error
    return options


def _check_entry(bucket: Bucket, k: int, entry: dict[str, Any], slots: tuple[str, ...]) -> None:
    label = f"{bucket.labels[k]} of the state"
    if not entry:
        return
    step = entry.get("step")
    if not isinstance(step, int) or isinstance(step, bool) or step < 1:
        raise CheckpointError(f"{label}: step is {step!r}; expected a whole number, 1 or more")
    wanted = {*slots, *(("master",) if bucket.narrow else ())}
    if set(entry) - {"step"} != wanted:
        raise CheckpointError(
            f"{label} has the arrays {sorted(set(entry) - {'step'})}; expected {sorted(wanted)} for {bucket.dtype} and "
            "these options"
        )
    for name in sorted(wanted):
        shape, dtype = getattr(entry[name], "shape", None), getattr(entry[name], "dtype", None)
        if shape != bucket.shapes[k] or dtype != bucket.compute:
            raise CheckpointError(
                f"{label}: {name} has shape {shape} and dtype {dtype}; expected {bucket.shapes[k]} and {bucket.compute}"
            )


def _fill(bucket: Bucket, k: int, entry: dict[str, Any], slots: tuple[str, ...]) -> None:
    if bucket.names != slots:
        bucket.allocate(slots)
    for name in slots:
        bucket.state_of(k, name)[...] = _local(bucket, entry[name]) if entry else 0
    if bucket.narrow:
        bucket.state_of(k, "master")[...] = _local(bucket, entry["master"]) if entry else bucket.datas[k]


def _local(bucket: Bucket, array: Any) -> Any:
    return array_device(bucket.datas[0]).asarray(array)
