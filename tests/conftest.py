"""Fixtures that many tests share: small corpora, and the folder of real ones if there is one."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from lmbench import Split, TrainingText
from tests.lending import lend_templates

settings.register_profile("lmbench", deadline=None)  # machines are noisy, and the time of a test proves nothing
settings.load_profile("lmbench")

ENGLISH = (
    "the cat sat on the mat\nthe dog sat on the log\n",
    "a cat and a dog\nthe cat saw the dog\n\nthe dog saw the cat on the mat\n",
    "on the mat sat a cat\na log and a mat\nthe the the\ncat\n",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the file that takes longest, so that no process works on it alone in the end."""
    items.sort(key=lambda item: item.path.name != "test_site.py")


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what the tests store away from the user's cache, and the user's own catalog away from the tests.

    The processes of pytest-xdist share converted models, because a conversion takes long.
    """
    cache = tmp_path_factory.mktemp("cache")
    shared = cache.parent.parent if "PYTEST_XDIST_WORKER" in os.environ else cache.parent
    (shared / "converted").mkdir(exist_ok=True)
    (cache / "converted").symlink_to(shared / "converted")
    os.environ["LMBENCH_CACHE"] = str(cache)
    catalog = tmp_path_factory.mktemp("catalog") / "catalog.toml"
    catalog.touch()
    os.environ["LMBENCH_CATALOG"] = str(catalog)


@pytest.fixture(scope="session", autouse=True)
def _templates() -> Iterator[None]:
    """Let the runs of all tests fork their processes from the same templates."""
    with lend_templates():
        yield


@pytest.fixture
def english() -> TrainingText:
    """Return a few tokenized lines, one of them empty."""
    return TrainingText(Split(ENGLISH), Split(("the cat sat on the log\n",)), tokenized=True)


@pytest.fixture
def letters() -> TrainingText:
    """Return lines over the letters a, b and c."""
    lines = ("a b c\n", "ab ca\nb\n", "abc abc a\n", "c\nba ab\n") * 4
    return TrainingText(Split(lines), Split(lines[:2]), tokenized=True)


@pytest.fixture(scope="session")
def mirror() -> Path:
    """Return the folder of real corpora that LMBENCH_MIRROR names."""
    folder = os.environ.get("LMBENCH_MIRROR")
    if not folder:
        pytest.skip("LMBENCH_MIRROR does not name a folder of real corpora")
    return Path(folder)


@pytest.fixture(scope="session")
def reference(mirror: Path) -> Path:
    """Return the folder with the output of KenLM's own programs, next to the real corpora."""
    folder = mirror.parent / "reference"
    if not folder.is_dir():
        pytest.skip(f"{folder} does not exist")
    return folder


@pytest.fixture
def absent(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a corpus that fails as soon as it is read, since its file is nowhere."""
    catalog = tmp_path_factory.mktemp("absent") / "catalog.toml"
    files = f"files = [{{path = 'absent.txt', sha256 = '{'0' * 64}'}}]"
    catalog.write_text(f"[absent]\ndescription = 'a text'\n{files}\nsplits = {{test = ['absent.txt']}}\n")
    monkeypatch.setenv("LMBENCH_CATALOG", str(catalog))
    return "absent"


@pytest.fixture(scope="module")
def one_thread():
    """Run torch with one thread, because more threads only slow small models down."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
