"""What gpugrad is measured against: which peers there are, how to install them, and which of them work here."""

from importlib import import_module
from typing import Any

from bench.files import BenchError

CPU_TORCH = "pip install torch --index-url https://download.pytorch.org/whl/cpu"
EXTRA = "pip install 'gpugrad[bench]'"
PEERS = {  # name: (module, how to install it)
    "torch": ("bench.peers.with_torch", CPU_TORCH),
    "torch.compile": ("bench.peers.with_torch_compile", CPU_TORCH),
    "jax": ("bench.peers.with_jax", EXTRA),
    "autograd": ("bench.peers.with_autograd", EXTRA),
    "mygrad": ("bench.peers.with_mygrad", EXTRA),
    "tinygrad": ("bench.peers.with_tinygrad", EXTRA),
    "scikit-learn": ("bench.peers.with_sklearn", EXTRA),
    "numpy": ("bench.peers.by_hand", EXTRA),
}


def find(names: list[str] | None, threads: int, scale: str) -> tuple[dict[str, Any], dict[str, str]]:
    """({name: module} of the peers that work, {name: why not} of the others).

    names: None for all there are; else those named.  torch.compile takes minutes, and is left to the full suite unless
    it is named.  Raises BenchError for a name that is not known.
    """
    if unknown := set(names or ()) - set(PEERS):
        raise BenchError(f"--peers: {', '.join(sorted(unknown))} not known; expected some of {', '.join(PEERS)}")
    working, missing = {}, {}
    for name, (module, how) in PEERS.items():
        if names is not None and name not in names:
            continue
        if name == "torch.compile" and names is None and scale != "full":
            missing[name] = "takes minutes: part of the full suite, or named with --peers"
            continue
        try:
            peer = import_module(module)
            peer.set_threads(threads)
            working[name] = peer
        except ImportError as error:
            missing[name] = f"not installed ({error.name or error}): {how}"
        except Exception as error:  # installed, but no use here: a compiler it needs, say
            missing[name] = f"does not work here: {type(error).__name__}: {str(error).splitlines()[0][:200]}"
    return working, missing


def trainers(who: str) -> Any:
    """The maker of a training step, of a peer or of ours by its name in a row."""
    if who.startswith("gpugrad"):
        return import_module("bench.peers.ours").TRAINERS[who]
    return import_module(PEERS[who][0]).trainer


def use(who: str, threads: int) -> None:
    """Let a peer set itself to that many threads; ours goes by the environment."""
    if who in PEERS:
        import_module(PEERS[who][0]).set_threads(threads)
