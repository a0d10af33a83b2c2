"""Every kernel compiles for every architecture it is for and spills nothing; the table of registers is true."""

import re

import ml_dtypes  # noqa: F401  (it makes bfloat16 a dtype)
import pytest

from gpugrad.cuda import expressions, generated
from gpugrad.cuda.recipe import NAME, Recipe, Step, Way, serves
from gpugrad.cuda.source import kernel_source, kernels_dir
from tests.host_cuda import nvrtc, registers

pytestmark = pytest.mark.host_only
EACH = [(file, arch) for file in registers.files() for arch in registers.ARCHITECTURES]
each = pytest.mark.parametrize(("file", "arch"), EACH, ids=[f"{file}-sm_{arch}" for file, arch in EACH])


def spilled(usage):
    return {name: u.spilled for name, u in usage.items() if u.spilled}


@each
def test_one_instance_of_each_kernel_compiles_and_spills_nothing(file, arch):
    usage = registers.usage(file, arch)
    assert set(usage) == set(registers.representatives(file, arch))
    assert spilled(usage) == {}
    assert max((u.shared for u in usage.values()), default=0) <= 48 << 10


@pytest.mark.slow
@each
def test_every_instance_compiles_and_none_of_float_spills(file, arch):
    usage = registers.usage(file, arch, every=True)
    assert set(usage) == set(registers.instances(file, arch))
    assert {name: n for name, n in spilled(usage).items() if "double" not in name} == {}


def test_the_table_of_registers_is_true():
    _, written, _ = registers.split((kernels_dir() / "README.md").read_text(encoding="utf-8"))
    made_with, now = re.search(r"NVRTC ([\d.]+)", written), registers.section()
    if made_with and made_with[1] != nvrtc.version():  # another compiler may count otherwise, of the same kernels
        written, now = (re.sub(r"\| *\d+(?= \|)|NVRTC [\d.]+", "", text) for text in (written, now))
    assert written == now, "run python -m tests.host_cuda.registers"


def test_every_launcher_module_of_a_kernel_file_names_each_instance_once():
    for file in registers.files():
        instances = registers.instances(file, max(registers.ARCHITECTURES))
        assert instances and len(set(instances)) == len(instances), file


def test_a_spill_and_an_error_are_seen():
    spilling = 'extern "C" __global__ void __launch_bounds__(1024, 2) k(double* x) {\n'
    spilling += "double a[64];\n#pragma unroll\nfor (int i = 0; i < 64; ++i) a[i] = x[i * 1024 + threadIdx.x];\n"
    spilling += (
        "__syncthreads();\n#pragma unroll\nfor (int i = 0; i < 64; ++i) x[threadIdx.x * 64 + i] = a[63 - i] * a[i];\n}"
    )
    usage = nvrtc.usage(spilling, 90, ["k"], "spilling.cu")["k"]
    assert usage.spilled > 0 and usage.registers <= 32
    with pytest.raises(RuntimeError, match=r'wrong\.cu for sm_90: [\s\S]*wrong\.cu\(1\): error: identifier "nonsense"'):
        nvrtc.usage("__global__ void k() { nonsense; }", 90, ["k"], "wrong.cu")
    with pytest.raises(RuntimeError, match="sm_90"):
        nvrtc.usage("__global__ void k() {}", 90, ["other"], "wrong.cu")


def written():
    """Names of generated kernels: every function of each dtype, in packs and by strides over three axes."""
    floats = ["float16", "bfloat16", "float32", "float64"]
    for dtype in [*floats, "int8", "uint32", "int64", "bool"]:
        names = [
            n
            for n in {**expressions._COMPARED, **expressions._CHOSEN, **expressions._OF_FLOATS, **expressions._LIBRARY}
        ]
        names = [*names, *expressions._OF_INTEGERS, *sorted(expressions._ACTIVATIONS), "gelu_grad", "tanh_grad"]
        steps = [Step("astype", (("x", 2),), dtype), Step("where", (("x", 2), ("x", 0), ("x", 1)), dtype)]
        for name in dict.fromkeys(names):
            out = "bool" if name in expressions._GIVES_BOOL else dtype
            params = OPTIONS.get(name.removesuffix("_grad"), ())
            if serves(name, (dtype,) * 3, out, params):
                steps.append(Step(name, (("x", 0), ("x", 1), ("v", 1)), out, params))
        run, each = ("run", ()), ("each", (0, 1, 2))
        for i, some in enumerate(steps[k : k + 6] for k in range(2, len(steps), 6)):
            recipe = Recipe((dtype, dtype, "bool"), (*steps[:2], *some), tuple(range(2, 2 + len(some))))
            way = (Way(2, 1, (run, run, run), True), Way(1, 3, (each, ("each", (1,)), ("one", ())), False))[i % 2]
            yield generated.written(recipe, way)


OPTIONS = {
    "leaky_relu": (("negative_slope", 0.01),),
    "elu": (("alpha", 1.0), ("scale", 1.0)),
    "hardtanh": (("min_val", -1.0), ("max_val", 1.0)),
    "softplus": (("beta", 1.0),),
    "gelu": (("approximate", "none"),),
}


@pytest.mark.slow
@pytest.mark.parametrize("arch", registers.ARCHITECTURES)
def test_generated_kernels_compile_and_spill_nothing(arch):
    for name in written():
        assert spilled(nvrtc.usage(kernel_source(name), arch, [NAME], "generated.cu")) == {}


@pytest.mark.parametrize("arch", [75, 90])
def test_an_optimizer_step_as_a_generated_kernel_spills_nothing(arch):
    """Adam: g, p, m, v and four numbers on the device in, p, m, v out; 16 bytes at a time."""
    g, p, m, v, new1, beta2, new2, rate = (("x", i) for i in range(8))
    lines = [("subtract", g, m), ("multiply", ("v", 0), new1), ("add", m, ("v", 1)), ("multiply", v, beta2)]
    lines += [("square", g), ("multiply", ("v", 4), new2), ("add", ("v", 3), ("v", 5)), ("sqrt", ("v", 6))]
    lines += [("add", ("v", 7), ("", 1e-8)), ("divide", ("v", 2), ("v", 8)), ("multiply", ("v", 9), rate)]
    steps = tuple(Step(name, tuple(operands), "float32") for name, *operands in [*lines, ("subtract", p, ("v", 10))])
    way = Way(4, 1, (("run", ()),) * 4 + (("one", ()),) * 4, False)
    name = generated.written(Recipe(("float32",) * 8, steps, (2, 6, 11)), way)
    (usage,) = nvrtc.usage(kernel_source(name), arch, [NAME], "generated.cu").values()
    assert usage.spilled == 0 and usage.registers <= 64
