import inspect
import subprocess
import sys

import gpugrad.data


def test_public_names_exist_sorted_and_have_docstrings():
    assert sorted(gpugrad.data.__all__) == gpugrad.data.__all__
    assert [name for name in gpugrad.data.__all__ if not inspect.getdoc(getattr(gpugrad.data, name))] == []


def test_importing_data_brings_no_optional_package(root):
    code = (
        "import sys, gpugrad.data; print(sorted({'pyarrow', 'sklearn', 'cupy', 'pandas', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
