"""First of all: what calls cost on the host, what can be captured, how bfloat16 behaves, and what the card can do."""

import ctypes
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from gpugrad.cuda import cublas, elementwise, gemm, precision, runtime

from .card import Card
from .cases import storage
from .clock import block, summary
from .contestant import Contestant
from .worker import NotPresent, Rows

_NOTHING = r"""extern "C" __global__ void nothing(float* x, const float* y, float a, int n)
{ if (threadIdx.x == 0 && n < 0) x[0] = a * y[0]; }"""
_WGMMA = r"""extern "C" __global__ void fence(float* o)
{ asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); o[0] = 1; }"""
COPY_BYTES, GEMM_SIDE, SIDE = 1 << 28, 8192, 256


def host_us(call: Callable[[], Any], wait: Callable[[], Any], calls: int = 1000) -> dict[str, float]:
    """Microseconds that a call keeps the host: least and median of five stretches, each begun on an idle card."""
    for _ in range(50):
        call()
    found = []
    for _ in range(5):
        wait()
        began = time.perf_counter()
        for _ in range(calls // 5):
            call()
        found.append((time.perf_counter() - began) / (calls // 5) * 1e6)
    wait()
    return {"us": sorted(found)[2], "least_us": min(found)}


class Probe:
    """What the rows share, made when first asked for; the work of each row is a method."""

    @cached_property
    def card(self) -> Card:
        return Card()

    @cached_property
    def xp(self) -> Any:
        return self.card.cupy

    @cached_property
    def vectors(self) -> tuple[Any, Any]:
        return self.xp.zeros(1024, "f4"), self.xp.zeros(1024, "f4")

    @cached_property
    def numbers(self) -> np.ndarray:
        """Random ones: on zeros a card draws less power and runs faster."""
        return np.random.default_rng(0).standard_normal((GEMM_SIDE, GEMM_SIDE), np.float32)

    @cached_property
    def square(self) -> Any:
        return self.xp.zeros((SIDE, SIDE), "f4")

    @cached_property
    def raw(self) -> Any:
        return self.xp.RawKernel(_NOTHING, "nothing")

    @property
    def args(self) -> tuple[Any, ...]:
        return (*self.vectors, np.float32(2), np.int32(5))

    def cost(self, call: Callable[[], Any]) -> dict[str, float]:
        return host_us(call, self.card.synchronize)

    # --- host costs

    def raw_kernel(self) -> Any:
        raw, args = self.raw, self.args
        return self.cost(lambda: raw((1,), (32,), args))

    def bound_function(self) -> Any:
        raw, args = self.raw, self.args
        raw((1,), (32,), args)
        function = raw.kernel
        return self.cost(lambda: function((1,), (32,), args))

    def cupy_add(self) -> Any:
        x, y = self.vectors
        return self.cost(lambda: self.xp.add(x, y, out=x))

    def cupy_empty(self) -> Any:
        return self.cost(lambda: self.xp.empty(1024, "f4"))

    def cupy_matmul(self) -> Any:
        a, out = self.square, self.xp.empty_like(self.square)
        return self.cost(lambda: self.xp.matmul(a, a, out=out))

    def our_launch(self) -> Any:
        x, _ = self.vectors
        return self.cost(lambda: elementwise.relu(x))

    def our_empty(self) -> Any:
        return self.cost(lambda: runtime.current().empty((1024,), np.float32))

    def our_gemm(self) -> Any:
        a = self.square
        return self.cost(lambda: gemm.gemm(a, a))

    def cublas_call(self) -> Any:
        a, out = self.square, self.xp.empty_like(self.square)
        handle, stream = cublas.handle()
        by = [cublas.Operand(x.data.ptr, 0, cublas.N, SIDE, 0) for x in (a, a, out)]
        return self.cost(lambda: handle.gemm((SIDE, SIDE, SIDE, 1), *by, cublas.COMPUTE_F32, 1.0, 0.0, stream))

    # --- CUDA graphs

    def replayed(self, n: int, run: Callable[[], Any]) -> dict[str, Any]:
        """Host cost of a launch and the time on the card, for a graph of n calls."""
        replay = self.card.graph(lambda: [run() for _ in range(n)][-1])
        timed = block(self.card, Contestant("", replay, list, calls=n), 50)
        return {**self.cost(replay), "us_for_each_call_on_the_card": timed}

    def graph_of_kernels(self) -> Any:
        raw, args = self.raw, self.args
        raw((1,), (32,), args)
        return self.replayed(100, lambda: raw.kernel((1,), (32,), args))

    def graph_of_ours(self) -> Any:
        x = self.xp.full(1024, 2, "f4")
        found = self.replayed(20, lambda: elementwise.relu(x))
        replay = self.card.graph(lambda: elementwise.relu(x))
        x[...] = -3
        x[5] = 7
        values = self.card.numpy(replay())
        return {**found, **_expect(values.sum() == 7.0, "the replay reads what its input holds now")}

    def graph_of_cublas(self) -> Any:
        rng = np.random.default_rng(0)
        a = self.xp.asarray(rng.standard_normal((SIDE, SIDE), np.float32))
        found = self.replayed(20, lambda: gemm.gemm(a, a))
        got = self.card.numpy(self.card.graph(lambda: gemm.gemm(a, a))()).astype(float)
        host = self.card.numpy(a).astype(float)
        return {**found, **_expect(np.abs(got - host @ host).max() < 1e-2, "the replay's product")}

    def compiled_step(self) -> Any:
        """A whole training step as a user writes it, on a batch that lies on the card, and on one of NumPy's."""
        from gpugrad import Tensor, compile, nn, optim

        model = nn.MLP([64, 64, 10], device="cuda", rng=0)
        adam = optim.Adam(model.parameters())

        def step(x: Any, labels: Any) -> Any:
            adam.zero_grad()
            loss = nn.cross_entropy(model(Tensor(x, device="cuda")), labels)
            loss.backward()
            adam.step()
            return loss

        step = compile(step)
        x, labels = np.ones((64, 64), np.float32), self.card.array(np.arange(64) % 10)
        there = self.card.array(x)
        found = self.cost(lambda: step(there, labels))
        staged = self.cost(lambda: step(x, labels))
        captured = step.explain().count("captured: one graph") and "not captured" not in step.explain()
        found |= {f"{name}_from_numpy": value for name, value in staged.items()}
        return {**found, **_expect(bool(captured), "the step is captured")}

    def capture_of_cupy_matmul(self) -> Any:
        """Expected to be refused; where it is not, a note in the design is out of date."""
        try:
            self.card.graph(lambda: self.xp.matmul(self.square, self.square))
        except NotImplementedError as refusal:
            return {"refused": str(refusal)[:200]}
        return {"refused": ""}

    # --- behaviours

    def sm_90a(self) -> Any:
        if runtime.current().limits().arch != 90:
            raise NotPresent("a card of compute capability 9.0")
        fence = self.xp.RawKernel(_WGMMA, "fence", options=("-arch=sm_90a",))
        out = self.xp.zeros(1, "f4")
        fence((1,), (128,), (out,))
        return _expect(float(out[0]) == 1.0, "a kernel with a wgmma instruction runs")

    def bfloat16(self) -> Any:
        b = self.card.array(np.ones((4, 64, 64), storage("bfloat16")))
        return {
            "2-D matmul": _answer(lambda: (b[0] @ b[0]).dtype),
            "3-D matmul": _answer(lambda: (b @ b).dtype),
            "times 2.0": _answer(lambda: (b * 2.0).dtype),
            "times a float32 array": _answer(lambda: (b[0, 0] * self.xp.ones(64, "f4")).dtype),
            "sum": _answer(lambda: b.sum().dtype),
            "exp": _answer(lambda: self.xp.exp(b).dtype),
            "strided copy": _answer(lambda: b[:, ::2].copy().dtype),
            "asarray of NumPy": _answer(lambda: self.xp.asarray(np.ones(3, storage("bfloat16"))).dtype),
        }

    def memory(self) -> Any:
        free, total = self.xp.cuda.runtime.memGetInfo()
        return {"free": int(free), "total": int(total)}

    def cublas_version(self) -> Any:
        cublas.handle()
        version = ctypes.c_int()
        library = runtime.current().library("cublas")
        for part, factor in ((0, 10000), (1, 100), (2, 1)):
            value = ctypes.c_int()
            library.cublasGetProperty(part, ctypes.byref(value))
            version.value += factor * value.value
        return {"version": version.value}

    # --- ceilings

    def timed(self, run: Callable[[], Any], runs: int) -> dict[str, Any]:
        contestant = Contestant("", run, list)
        block(self.card, contestant, 3)
        return summary([block(self.card, contestant, runs) for _ in range(15)])

    def copy_bandwidth(self) -> Any:
        source, target = (self.xp.zeros(COPY_BYTES, "u1") for _ in range(2))
        found = self.timed(lambda: target.data.copy_from_device_async(source.data, COPY_BYTES), 10)
        return {**found, "bytes_per_s": 2 * COPY_BYTES / (found["us"] * 1e-6)}

    def products(self, dtype: str, level: str) -> Any:
        n = GEMM_SIDE
        a = self.card.array(self.numbers.astype(storage(dtype)))
        out = runtime.current().empty((n, n), a.dtype)
        with precision.matmul_precision(level):
            found = self.timed(lambda: gemm.gemm(a, a, out), 2)
        return {**found, "flop_per_s": 2 * n**3 / (found["us"] * 1e-6)}

    def float32_products(self) -> Any:
        return self.products("float32", "float32")

    def tf32_products(self) -> Any:
        return self.products("float32", "tf32")

    def bfloat16_products(self) -> Any:
        return self.products("bfloat16", "float32")


def _expect(holds: bool, what: str) -> dict[str, Any]:
    return {"state": "ok" if holds else "failed", "error": "" if holds else f"{what}: not so"}


def _answer(call: Callable[[], Any]) -> str:
    try:
        return str(call())
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:160]


ROWS = {
    "memory": Probe.memory,
    "copy 2^28 bytes": Probe.copy_bandwidth,
    "gemm float32 8192^3": Probe.float32_products,
    "gemm tf32 8192^3": Probe.tf32_products,
    "gemm bfloat16 8192^3": Probe.bfloat16_products,
    "host: RawKernel call": Probe.raw_kernel,
    "host: bound function call": Probe.bound_function,
    "host: cupy.add with out": Probe.cupy_add,
    "host: cupy.empty": Probe.cupy_empty,
    "host: cupy.matmul 256 with out": Probe.cupy_matmul,
    "host: runtime.empty": Probe.our_empty,
    "host: our relu launcher": Probe.our_launch,
    "host: our gemm 256": Probe.our_gemm,
    "host: cuBLAS by ctypes 256": Probe.cublas_call,
    "graph of 100 empty kernels": Probe.graph_of_kernels,
    "graph of 20 kernels of ours": Probe.graph_of_ours,
    "graph of 20 products by our cuBLAS handle": Probe.graph_of_cublas,
    "graph of a compiled step": Probe.compiled_step,
    "capture of cupy.matmul": Probe.capture_of_cupy_matmul,
    "sm_90a by option": Probe.sm_90a,
    "bfloat16 in CuPy": Probe.bfloat16,
    "cuBLAS version": Probe.cublas_version,
}


def rows(deadline: float) -> Rows:
    """The rows of this stage."""
    probe = Probe()
    return [(name, lambda method=method: method(probe)) for name, method in ROWS.items()]
