"""Each primitive's forward on a device: captured and replayed with the same results, or known to be refused."""

import collections
import functools

import pytest

import gpugrad as gg
from gpugrad.core.namespace import PRIMITIVES
from gpugrad.core.trace import of_one_kind
from gpugrad.program.graph.refusals import REFUSED
from gpugrad.program.ir import Value
from gpugrad.program.listed import forward_of
from gpugrad.program.recording import record
from tests.ops.spec import all_specs, parts

N_PARTS = 8  # to be shared out where a card is tested by several processes, each of which compiles CuPy's kernels
# By shape, dtype or kind of index they may be captured or not; where not, it is said and nothing wrong is captured.
SOMETIMES = set(
    ["add_along_axis", "getitem", "index_add", "index_set", "keep_last", "matmul", "matmul_vjp", "outer_norm2", "pinv"]
)
FIRST = {spec.op.__name__: spec for spec in reversed(all_specs()) if "float32" in spec.dtypes}


def recorded(spec, host):
    """The program of a spec's values and gradients, and the arrays it is for."""
    args = [a.astype("float32") if i in spec.moving else a for i, a in enumerate(spec.draw("float64"))]
    arrays = [host.array(a) if hasattr(a, "dtype") else a for a in args]

    def values_and_gradients(*arrays):
        leaves = [
            gg.Tensor(x, requires_grad=True) if i in spec.moving and spec.differentiable else x
            for i, x in enumerate(arrays)
        ]
        ys = parts(spec.call(*leaves))
        for y in ys:
            if isinstance(y, gg.Tensor) and y.requires_grad:
                y.sum().backward(retain_graph=True)
        return [*ys, *(t.grad for t in leaves if isinstance(t, gg.Tensor))]

    program = record(values_and_gradients, tuple(arrays), {}).program
    return program, dict(zip(program.inputs, (a for a in arrays if hasattr(a, "dtype")), strict=True))


def captured(run, host, lane):
    """(what a run gives, what a replay of it gives or the reason why there is none)."""
    with lane.aside():
        found = run()
    want = [host.numpy(a).copy() for a in parts(found) if hasattr(a, "get")]
    try:
        graph, outputs = lane.capture(run)
    except Exception as error:  # of the stand-in, of CuPy or of CUDA
        return found, want, str(error)
    graph.launch()
    return found, want, [host.numpy(a) for a in parts(outputs) if hasattr(a, "get")]


@pytest.mark.parametrize("part", range(N_PARTS))
def test_every_primitive_is_captured_or_known_to_be_refused(host, part):
    refused, seen = collections.defaultdict(set), set()
    lane = host.lane()  # kept: graphs have addresses in its memory
    for spec in list(FIRST.values())[part::N_PARTS]:
        try:
            program, env = recorded(spec, host)
        except (gg.errors.GpugradError, TypeError, ValueError):
            continue  # a spec that holds NumPy's arrays, or asks for values
        for call in program.calls:
            kind, operands = of_one_kind([env.get(v, v.array) if type(v) is Value else v for v in call.inputs])
            run = functools.partial(forward_of(call.primitive, kind), *operands, **call.params)
            found, want, replayed = captured(run, host, lane)
            seen.add(call.primitive.name)
            if isinstance(replayed, str):
                refused[call.primitive.name].add(replayed)
            else:
                assert [a.tobytes() for a in replayed] == [a.tobytes() for a in want], (spec.id, call.primitive.name)
            env.update(zip(call.outputs, parts(found), strict=True))
    assert not {name: why for name, why in refused.items() if name not in SOMETIMES | set(REFUSED)}
    assert not [name for name in REFUSED if name in seen and name not in refused | dict.fromkeys(SOMETIMES)]
    assert len(seen) > 25


def test_what_is_refused_is_the_name_of_a_primitive():
    assert set(REFUSED) <= set(PRIMITIVES)
