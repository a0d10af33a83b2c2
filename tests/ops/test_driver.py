"""The checks of test_specs.py and test_layouts.py, on planted operations that each break one rule."""

import numpy as np
import pytest

from gpugrad.core.primitive import elementwise, primitive
from tests.ops import test_layouts as layouts
from tests.ops import test_specs as driver
from tests.ops.spec import Spec

pytestmark = pytest.mark.usefixtures("planted")


def copy_op(forward=None, vjp=None, jvp=None, **declared):
    """An operation that copies its input, but for what is given."""

    @elementwise(**{"saves": "x", **declared})
    def planted_copy(xp, x):
        """x."""
        return xp.array(x) if forward is None else forward(xp, x)

    planted_copy.vjp(vjp or (lambda F, g, y, x: g * 1.0))
    if jvp is not None:
        planted_copy.jvp(jvp)
    return planted_copy


def add_op(forward):
    """An operation that adds, but not by NumPy's own function."""

    @primitive(family="elementwise", jvp="linear")
    def planted_add(xp, a, b):
        """a + b."""
        return forward(xp, a, b)

    planted_add.vjp(lambda F, g, y, a, b: g, lambda F, g, y, a, b: g)
    return planted_add


def writes(array):
    array *= 1.0
    return array


BROKEN = {
    "another dtype": ("value_and_dtype_are_numpys", lambda: copy_op(lambda xp, x: xp.asarray(x, xp.float64))),
    "another value": ("value_and_dtype_are_numpys", lambda: copy_op(lambda xp, x: x * (1 + 1e-4))),
    "another shape": ("value_and_dtype_are_numpys", lambda: copy_op(lambda xp, x: xp.array(x)[None])),
    "a wrong gradient": ("gradients_in_both_modes", lambda: copy_op(vjp=lambda F, g, y, x: g * 1.001)),
    "a wrong tangent": ("gradients_in_both_modes", lambda: copy_op(jvp=lambda F, t, y, x: t * 1.001)),
    "a gradient that was not to be": ("gradients_in_both_modes", copy_op),
    "a rule that gives what was saved": ("rules_write_to_nothing", lambda: copy_op(vjp=lambda F, g, y, x: x)),
    "a rule that gives a view of it": ("rules_write_to_nothing", lambda: copy_op(vjp=lambda F, g, y, x: x[::-1])),
    "a rule that writes its cotangent": ("rules_write_to_nothing", lambda: copy_op(vjp=lambda F, g, y, x: writes(g))),
    "a rule that writes what was saved": (
        "rules_write_to_nothing",
        lambda: copy_op(vjp=lambda F, g, y, x: g * writes(x)),
    ),
    "memory order": ("every_layout_gives_the_same", lambda: copy_op(lambda xp, x: x.ravel("K").reshape(x.shape))),
    "a forward that writes its input": ("every_layout_gives_the_same", lambda: copy_op(lambda xp, x: writes(x) * 1.0)),
    "no empty arrays": ("every_shape_broadcasts", lambda: copy_op(lambda xp, x: x + 0 * x.max())),
    "no 0-d arrays": ("every_shape_broadcasts", lambda: copy_op(lambda xp, x: xp.atleast_1d(x))),
    "modes that differ": ("every_shape_broadcasts", lambda: copy_op(jvp=lambda F, t, y, x: t * 1.001)),
}


def run(check, op, **spec):
    (test,) = (f for name, f in {**vars(layouts), **vars(driver)}.items() if name.startswith(f"test_{check}"))
    dtypes = {"dtype": "float16"} if check == "two_byte_floats" else {}
    test(spec=Spec(op, reference=np.positive, **{"args": ((2, 3),), **spec}), **dtypes)


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_operation_is_caught(fault):
    check, broken = BROKEN[fault]
    with pytest.raises(Exception) as caught:  # an assertion, or NumPy's refusal to write
        run(check, broken(), differentiable=fault != "a gradient that was not to be")
    assert isinstance(caught.value, AssertionError | ValueError | RuntimeError)


@pytest.mark.parametrize("check", sorted({check for check, _ in BROKEN.values()} | {"two_byte_floats"}))
def test_a_sound_operation_passes(check):
    run(check, copy_op())


def test_two_byte_floats_made_wide_or_rounded_twice_are_caught():
    pytest.importorskip("ml_dtypes")

    def wide(xp, x):
        return xp.array(x) if x.dtype.kind == "f" else x.astype(xp.float32)

    for dtype, forward in (("bfloat16", wide), ("float16", lambda xp, x: x + x.dtype.type(1000) - x.dtype.type(1000))):
        with pytest.raises(AssertionError):
            driver.test_two_byte_floats(spec=Spec(copy_op(forward), ((2, 3),), np.positive), dtype=dtype)


def test_python_numbers_made_strong_are_caught(monkeypatch):
    monkeypatch.setattr(Spec, "public", True)
    sound = add_op(lambda xp, a, b: a + b)
    driver.test_python_numbers_are_weak(spec=Spec(sound, ((2, 3), (3,)), np.add))
    strong = add_op(lambda xp, a, b: xp.asarray(a) + xp.asarray(b))
    with pytest.raises(AssertionError):
        driver.test_python_numbers_are_weak(spec=Spec(strong, ((2, 3), (3,)), np.add))


def test_integers_that_are_not_numpys_are_caught():
    sound = add_op(lambda xp, a, b: a + b)
    driver.test_integers_and_bools_as_in_numpy(spec=Spec(sound, ((2, 3), (3,)), np.add), dtype="int32")
    floating = add_op(lambda xp, a, b: a * 1.0 + b)
    with pytest.raises(AssertionError):
        driver.test_integers_and_bools_as_in_numpy(spec=Spec(floating, ((2, 3), (3,)), np.add), dtype="int32")
