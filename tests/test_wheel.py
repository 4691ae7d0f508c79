"""The built wheel works outside the checkout, and a plugin's package installs against it by name."""

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q")
OFFLINE = ("--no-index", "--no-build-isolation")


def run(*command, cwd):
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=cwd)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def pip_for(programs):
    return (*PIP, "--python", programs / "python")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(*PIP, "wheel", "--no-deps", *OFFLINE, "-w", folder, ROOT, cwd=folder)
    [wheel] = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """Return the folder of programs of a new environment with the wheel installed.

    It sees the libraries of the running one, but not its editable lmbench: a path file's folders are searched last, and
    path files in them are ignored.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    programs = folder / "bin"
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    run(*pip_for(programs), "install", "--no-deps", "--no-index", wheel, cwd=folder)
    return programs


def test_the_wheel_has_its_name_data_and_type_marker(wheel):
    assert wheel.name.startswith("lmbench_suite-")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"lmbench/py.typed", "lmbench/__main__.py", "lmbench/embedded/catalog.toml"} <= set(names)
    assert sum(name.startswith("lmbench/embedded/fables/") for name in names) >= 120
    assert not any(name.startswith(("tests/", "corpora/")) for name in names)


def test_the_embedded_corpora_load_from_the_wheel(environment, tmp_path):
    code = (
        "import lmbench; from lmbench.corpora.embedded import embedded_folder; print(lmbench.__file__); "
        "print(embedded_folder()); "
        "print(*(lmbench.load_corpus(name).test.fingerprint for name in ('fables-en', 'fables-zh')))"
    )
    package, data, fingerprints = run(environment / "python", "-c", code, cwd=tmp_path).splitlines()
    assert Path(package).is_relative_to(environment.parent)
    assert Path(data).is_relative_to(environment.parent)
    here = run(sys.executable, "-c", code, cwd=ROOT).splitlines()
    assert Path(here[0]).is_relative_to(ROOT)
    assert fingerprints == here[2]
    assert "wikitext-2" in run(environment / "lmbench", "corpora", cwd=tmp_path)


def test_a_plugin_installs_against_the_wheel_by_name_and_is_verified(environment, tmp_path):
    run(environment / "lmbench", "new-model", "my-model", cwd=tmp_path)
    # with its dependencies: pip would fail if nothing that is installed had the name that the template requires
    run(*pip_for(environment), "install", *OFFLINE, tmp_path / "lmbench-my-model", cwd=tmp_path)
    code = "from importlib.metadata import requires; print(requires('lmbench-my-model')[0])"
    assert run(environment / "python", "-c", code, cwd=tmp_path) == "lmbench-suite\n"
    assert "my-model is verified." in run(environment / "lmbench", "check", "my-model", cwd=tmp_path)
