"""The house has floors: a file imports strictly lower ones and its own package, and no modules import in a circle."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

# A unit is a package or a file directly under gpugrad/.  backend raises what errors defines, so errors lies lowest.
FLOORS = {
    "errors": -1,
    "backend": 0,
    "cuda": 1,
    "core": 2,
    "ops": 3,
    **dict.fromkeys(("program", "numpy", "nn", "optim", "data", "testing", "inspection"), 4),
    "train": 5,
    **dict.fromkeys(("distributed", "sklearn", "export"), 6),
    "cli": 7,
    **dict.fromkeys(("__init__", "__main__"), 8),
}


def test_the_table_for_contributors_is_this_one(root):
    rows = re.findall(r"^\| (\d) \| (.*?) \|", (root / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    told = {name: int(floor) for floor, names in rows for name in re.findall(r"`(\w+)/`", names)}
    assert told == {path.parent.name: FLOORS[path.parent.name] for path in (root / "gpugrad").glob("*/__init__.py")}


class Import(NamedTuple):
    target: str  # module of the package that is imported, e.g. "gpugrad.core.tape"
    line: int
    top_level: bool  # runs when the importing module is imported


def modules_of(package: Path) -> dict[str, Path]:
    """{dotted name: file} of every module under `package`."""
    names = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def unit_of(module: str) -> str:
    """The unit a module belongs to: "gpugrad.core.tape" -> "core", "gpugrad" -> "__init__"."""
    return module.split(".")[1] if "." in module else "__init__"


def imports_of(module: str, modules: dict[str, Path]) -> Iterator[Import]:
    """Every import of the package's own modules in `module`, at top level, in functions and by import_module("...")."""
    path = modules[module]
    home = module if path.name == "__init__.py" else module.rpartition(".")[0]
    top = module.split(".")[0]

    def absolute(name: str, level: int) -> str:
        if not level:
            return name
        base = home.split(".")[: len(home.split(".")) - level + 1]
        return ".".join([*base, name] if name else base)

    def nearest(name: str) -> str:
        while name not in modules and "." in name:
            name = name.rpartition(".")[0]
        return name

    def visit(node: ast.AST, top_level: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = absolute(node.module or "", node.level)
            found = [f"{base}.{alias.name}" if f"{base}.{alias.name}" in modules else base for alias in node.names]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module":
            name = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else ""
            found = [absolute(name.lstrip("."), len(name) - len(name.lstrip(".")))]
        else:
            found = []
        for name in found:
            if name == top or name.startswith(top + "."):
                yield Import(nearest(name), node.lineno, top_level)
        for child in ast.iter_child_nodes(node):
            deferred = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                deferred = child in node.body
            yield from visit(child, top_level and not deferred)

    yield from visit(ast.parse(path.read_text(encoding="utf-8"), str(path)), True)


def floor_faults(package: Path) -> list[str]:
    """One line for each import that goes up or sideways, and for each unit without a floor."""
    modules = modules_of(package)
    faults = []
    for module, path in modules.items():
        unit = unit_of(module)
        if unit not in FLOORS:
            faults.append(f"{path}: {unit} has no floor; give it one in FLOORS")
            continue
        for target, line, _ in imports_of(module, modules):
            other = unit_of(target)
            if other != unit and not FLOORS.get(other, 99) < FLOORS[unit]:
                faults.append(f"{path}:{line}: {module} (floor {FLOORS[unit]}) imports {target} ({FLOORS.get(other)})")
    return faults


def cycles(package: Path) -> list[str]:
    """One line for each circle of modules that import each other at top level."""
    modules = modules_of(package)
    edges = {
        module: sorted({found.target for found in imports_of(module, modules) if found.top_level} - {module})
        for module in modules
    }
    faults, finished = set(), set()

    def walk(module: str, trail: list[str]) -> None:
        if module in trail:
            circle = trail[trail.index(module) :]
            first = circle.index(min(circle))
            faults.add(" -> ".join([*circle[first:], *circle[: first + 1]]))
        elif module not in finished:
            for target in edges[module]:
                walk(target, [*trail, module])
            finished.add(module)

    for module in modules:
        walk(module, [])
    return sorted(faults)


def test_imports_keep_to_their_floors(root):
    assert floor_faults(root / "gpugrad") == []


def test_no_module_cycle(root):
    assert cycles(root / "gpugrad") == []


# --- the walkers themselves, on planted packages

SOUND = {
    "gpugrad/__init__.py": "from . import ops\nfrom .core.tensor import Tensor\n",
    "gpugrad/__main__.py": "from .cli import main\n",
    "gpugrad/errors.py": "import os\n",
    "gpugrad/backend/__init__.py": "from ..errors import GpugradError\n",
    "gpugrad/core/__init__.py": "",
    "gpugrad/core/tape.py": "def f():\n    from .tensor import Tensor\n",
    "gpugrad/core/tensor.py": "import numpy as np\nfrom . import tape\nfrom ..backend import array\n",
    "gpugrad/ops/__init__.py": "from gpugrad.core import tensor\nimport gpugrad.core.tape\n",
    "gpugrad/nn/__init__.py": "from .. import ops\nfrom .layer import Linear\n",
    "gpugrad/nn/layer.py": "from ..core.tensor import Tensor\n",
    "gpugrad/optim/__init__.py": "",
    "gpugrad/cli/__init__.py": "from ..nn import Linear\nfrom .. import optim\n",
}


@pytest.fixture
def plant(tmp_path):
    """plant({path: text}) writes a sound package with these files changed, and returns its folder."""

    def write(changes):
        for name, text in {**SOUND, **changes}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path / "gpugrad"

    return write


def test_a_sound_package_passes(plant):
    package = plant({})
    assert floor_faults(package) == []
    assert cycles(package) == []


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("core/tape.py", "from ..ops import add\n", "core.tape (floor 2) imports gpugrad.ops (3)"),
        ("core/tape.py", "from .. import ops\n", "core.tape (floor 2) imports gpugrad.ops (3)"),
        ("core/tape.py", "import gpugrad.ops as o\n", "core.tape (floor 2) imports gpugrad.ops (3)"),
        ("core/tape.py", "def f():\n    from ..ops import add\n", "tape.py:2: gpugrad.core.tape (floor 2)"),
        ("core/tape.py", "import importlib\nimportlib.import_module('gpugrad.ops')\n", "imports gpugrad.ops (3)"),
        ("core/tape.py", "if TYPE_CHECKING:\n    from ..nn import Linear\n", "imports gpugrad.nn (4)"),
        ("core/tape.py", "from .. import Tensor\n", "core.tape (floor 2) imports gpugrad (8)"),
        ("backend/__init__.py", "from .. import core\n", "backend (floor 0) imports gpugrad.core (2)"),
        ("nn/layer.py", "from ..optim import Adam\n", "nn.layer (floor 4) imports gpugrad.optim (4)"),
        ("errors.py", "from .backend import x\n", "errors (floor -1) imports gpugrad.backend (0)"),
        ("extra.py", "", "extra has no floor"),
        ("nn/layer.py", "from ..extra import x\n", "nn.layer (floor 4) imports gpugrad (8)"),
    ],
)
def test_a_planted_fault_is_caught(plant, file, text, fault):
    (found,) = floor_faults(plant({f"gpugrad/{file}": text}))
    assert fault in found


@pytest.mark.parametrize(
    ("text", "caught"),
    [
        ("from .tensor import Tensor\n", True),
        ("try:\n    from . import tensor\nexcept ImportError:\n    pass\n", True),
        ("class A:\n    from .tensor import Tensor\n", True),
        ("if TYPE_CHECKING:\n    from .tensor import Tensor\n", False),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    from .tensor import Tensor\n", True),
        ("f = lambda: __import__('gpugrad')\n", False),
    ],
)
def test_a_planted_cycle_is_caught(plant, text, caught):
    found = cycles(plant({"gpugrad/core/tape.py": text}))
    assert found == (["gpugrad.core.tape -> gpugrad.core.tensor -> gpugrad.core.tape"] if caught else [])
