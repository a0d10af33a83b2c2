"""Every kernel compiles for every architecture it is for and spills nothing; the table of registers is true."""

import re

import pytest

from gpugrad.cuda.source import kernels_dir
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
