"""No operation without docstring, rules of both modes, and a spec that runs them."""

import contextlib
import importlib
import inspect
import pkgutil
import sys
from collections import Counter

import numpy as np
import pytest

import gpugrad as gg
from gpugrad import ops
from gpugrad.core.namespace import PRIMITIVES
from gpugrad.core.primitive import elementwise, primitive
from tests.ops.recording import recording
from tests.ops.spec import all_specs, parts

# Operations that make arrays from numbers have no input to differentiate: arguments for each, and NumPy's for them.
MAKERS = {
    "arange": ((1.0, 3.0, 0.5), {}),
    "eye": ((2, 3), {"k": 1}),
    "full": (((2, 3), 1.5), {}),
    "linspace": ((0.0, 1.0, 5), {}),
    "ones": (((2, 3),), {}),
    "zeros": ((4,), {}),
}


def public_operations():
    """{name: function} of everything that a module of gpugrad/ops lists as public."""
    modules = [importlib.import_module(f"gpugrad.ops.{m.name}") for m in pkgutil.iter_modules(ops.__path__)]
    return {name: getattr(module, name) for module in modules for name in getattr(module, "__all__", [])}


@contextlib.contextmanager
def entered():
    """A scope that collects the code of every Python function entered."""
    codes = set()
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, arg: codes.add(frame.f_code) if event == "call" else None)
    try:
        yield codes
    finally:
        sys.setprofile(before)


def run(spec):
    """The operation and its derivatives of first and second order, in both modes."""
    args = spec.draw(spec.dtypes[-1])
    for given in (args, [gg.Tensor(a) for a in args]):
        spec.call(*given)
    if not spec.differentiable:
        return
    f, xs = spec.of_moving(args), [args[i] for i in spec.moving]

    def gradient(*xs):
        y, pull = gg.vjp(f, *xs)
        return pull(y)

    def tangent(*xs):
        return gg.jvp(f, xs, xs)

    for first in (gradient, tangent):
        if spec.order == 1:
            first(*xs)
            continue
        y, pull = gg.vjp(first, *xs)
        pull(y)
        gg.jvp(first, xs, xs)


@pytest.fixture(scope="module")
def touched():
    """(what primitives ran, the code of Python functions entered, the operations that stand in a spec)."""
    specs = all_specs()
    with recording() as ran, entered() as codes:
        for spec in specs:
            with contextlib.suppress(Exception):  # an operation that fails does so with its cause in test_specs.py
                run(spec)
    return set(ran), codes, {spec.op for spec in specs}


def faults_of_primitives(ran):
    """One line for each primitive that lacks a docstring, a rule, or a run of what it has."""
    faults = []
    in_files = {name: p for name, p in PRIMITIVES.items() if p.forward.__code__.co_filename.endswith(".py")}
    for name, p in in_files.items():  # those of pages and docstrings, which other tests run, are not the package's
        reverse = p.vjp_rules or p.vjp_all_rule
        lacks = {
            "docstring": not (p.doc or "").strip(),
            "spec": (name, "forward") not in ran,
            "reverse rule": p.differentiable and not reverse,
            "forward rule": p.differentiable and not (p.jvp_rule or p.jvp_kind),
            "spec that runs its reverse rule": p.differentiable and reverse and (name, "vjp") not in ran,
            "spec that runs its forward rule": p.jvp_rule and (name, "jvp") not in ran,
        }
        faults += [f"{name} has no {what}" for what, missing in lacks.items() if missing]
    return faults


def faults_of_public(public, ran, codes, in_specs):
    """One line for each public operation without docstring or spec."""
    shared = Counter(f.__code__ for f in public.values() if inspect.isfunction(f))
    faults = []
    for name, f in public.items():
        if p := getattr(f, "primitive", None):
            seen = (p.name, "forward") in ran
        else:
            seen = f in in_specs or (inspect.isfunction(f) and shared[f.__code__] == 1 and f.__code__ in codes)
        faults += [f"{name} has no docstring"] * (not (inspect.getdoc(f) or "").strip())
        faults += [f"{name} has no spec"] * (not seen and name not in MAKERS)
    return faults


def test_every_primitive_has_docstring_rules_and_spec(touched):
    assert faults_of_primitives(touched[0]) == []


def test_every_public_operation_has_docstring_and_spec(touched):
    assert faults_of_public(public_operations(), *touched) == []


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("dtype", [None, "float32", "int64"])
def test_arrays_made_from_numbers_are_numpys(name, dtype):
    args, params = MAKERS[name]
    params = params if dtype is None else {**params, "dtype": dtype}
    y, expected = getattr(ops, name)(*args, **params), getattr(np, name)(*args, **params)
    assert isinstance(y, gg.Tensor) and not y.requires_grad and y.dtype == expected.dtype
    np.testing.assert_array_equal(y.numpy(), expected)


def test_public_names_are_unique_and_offered_by_ops():
    modules = [importlib.import_module(f"gpugrad.ops.{m.name}") for m in pkgutil.iter_modules(ops.__path__)]
    names = Counter(name for module in modules for name in getattr(module, "__all__", []))
    assert [name for name, n in names.items() if n > 1] == []
    assert [name for name in names if not hasattr(ops, name)] == []


# --- the checks themselves, on planted operations


def test_a_primitive_without_anything_is_caught(planted, touched):
    @primitive()
    def bare(xp, x):
        return x

    assert [f for f in faults_of_primitives(touched[0]) if f.startswith("bare")] == [
        "bare has no docstring",
        "bare has no spec",
        "bare has no reverse rule",
        "bare has no forward rule",
    ]
    assert faults_of_public({"bare": bare}, *touched) == ["bare has no docstring", "bare has no spec"]


def test_a_primitive_without_a_spec_is_caught_and_one_with_a_spec_is_not(planted):
    @elementwise(direct="exp2", saves="y")
    def unspecced(x):
        """2 to the x."""

    unspecced.vjp(lambda F, g, y, x: g * y * float(np.log(2.0)))
    with recording() as ran:
        pass
    assert "unspecced has no spec" in faults_of_primitives(ran)
    assert "unspecced has no spec that runs its reverse rule" in faults_of_primitives(ran)
    with recording() as ran, entered() as codes:
        gg.grad(unspecced)(1.0)
    assert not [f for f in faults_of_primitives(ran) if f.startswith("unspecced")]
    assert faults_of_public({"unspecced": unspecced}, ran, codes, set()) == []


def test_a_forward_rule_that_nothing_runs_is_caught(planted):
    @primitive(saves="x")
    def ruled(xp, x):
        """x."""
        return xp.array(x)

    ruled.vjp(lambda F, g, y, x: g)
    ruled.jvp(lambda F, t, y, x: t)
    with recording() as ran:
        gg.grad(ruled)(1.0)
    assert [f for f in faults_of_primitives(ran) if f.startswith("ruled")] == [
        "ruled has no spec that runs its forward rule"
    ]
    with recording() as ran:
        gg.grad(ruled)(1.0)
        gg.jvp(ruled, (1.0,), (1.0,))
    assert not [f for f in faults_of_primitives(ran) if f.startswith("ruled")]


def test_a_public_function_that_nothing_enters_is_caught():
    def forgotten(x):
        """x."""
        return x

    with recording() as ran, entered() as codes:
        parts(1)
    assert faults_of_public({"forgotten": forgotten}, ran, codes, set()) == ["forgotten has no spec"]
    with entered() as codes:
        forgotten(1)
    assert faults_of_public({"forgotten": forgotten}, ran, codes, set()) == []
