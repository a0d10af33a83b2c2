"""The examples in docstrings are run."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import gpugrad

MODULES = sorted(m.name for m in pkgutil.walk_packages(gpugrad.__path__, "gpugrad.") if "__main__" not in m.name)


def examples(name):
    module = importlib.import_module(name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    return [t for t in finder.find(module, name, module=module) if t.examples]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for test in examples(name):
        test.globs.setdefault("np", np)
        test.globs.setdefault("gg", gpugrad)
        runner.run(test)
    assert runner.failures == 0


def test_there_are_examples():
    assert sum(len(examples(name)) for name in MODULES) > 50
