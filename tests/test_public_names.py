"""The package's public names, and how much importing it costs."""

import subprocess
import sys
from importlib.metadata import version

import pytest

import lmbench
from lmbench.errors import CorpusError


@pytest.mark.parametrize("name", lmbench.__all__)
def test_every_public_name_can_be_imported(name):
    assert getattr(lmbench, name) is not None


def test_every_public_name_has_one_home_and_is_listed():
    homes = [name for names in lmbench._HOMES.values() for name in names]
    assert sorted(homes) == sorted(lmbench.__all__)
    assert set(dir(lmbench)) == {*lmbench.__all__, "__version__", "checks", "errors", "metrics", "statistics"}


def test_a_notebook_completes_what_is_listed():
    """Each name can be used after ``import lmbench`` alone."""
    code = "import lmbench; print(all(hasattr(lmbench, name) for name in dir(lmbench)), lmbench.__version__)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == f"True {version('lmbench-suite')}\n"
    assert lmbench.errors.CorpusError is CorpusError


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'lmbench' has no attribute 'no_such_name'"):
        _ = lmbench.no_such_name


@pytest.mark.parametrize("module", ["lmbench.checks", "lmbench.errors"])
def test_documented_modules_stay_importable(module):
    subprocess.run([sys.executable, "-W", "error", "-c", f"import {module}"], check=True)


def test_importing_the_package_imports_no_library():
    code = "import sys, lmbench; print([m for m in ('numpy', 'pydantic', 'rich') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_python_m_lmbench_is_the_command():
    result = subprocess.run([sys.executable, "-m", "lmbench", "--version"], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("lmbench, version ")
