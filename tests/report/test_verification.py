"""The page with a model's results in the conformance suite."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lmbench import ModelSpec
from lmbench.about import own_version
from lmbench.backends.uniform import Uniform
from lmbench.checks import SUITE_VERSION, ChangedOption, Outcome
from lmbench.errors import PluginError, ResultsError
from lmbench.printable import printable_lines
from lmbench.registry import resolve
from lmbench.report.verification import CheckReport, Package, check_place, hash_package, make_report, page, write
from tests.plugins import MODELS, installed

OUTCOMES = (
    Outcome(check="sums", status="pass", detail="", seconds=0.5),
    Outcome(check="save", status="n/a", detail="the model cannot be saved", seconds=0),
)
PRIOR = Outcome(check="prior", status="fail", detail="English costs 3 nats less", seconds=0)
HOSTILE = "x|\n\n# y <img src=x onerror=alert(1)> `z` \x1b]52;c;x\x07\u202e"


def report(**changes):
    values = {
        "model": "m:a=1",
        "doubt": "",
        "outcomes": OUTCOMES,
        "changed": (ChangedOption(name="steps", checked="60", own="1000"),),
        "trained_elsewhere": "",
        "options": {"steps": 1000, "name": None, "wide": True},
        "files": (("a.arpa", "f" * 64),),
        "package": Package(name="plugin", version="1.2", sha256="e" * 64),
        "lmbench": "0.1",
        "suite": 2,
        "seed": 7,
        "created": "2026-01-01T00:00:00+00:00",
        "python": "3.11",
        "platform": "Linux",
        "command": "lmbench check m:a=1 --seed 7",
    }
    return CheckReport(**values | changes)


def rows(text):
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [tuple(entry.strip() for entry in line.split("|")[1:-1]) for line in lines]


def test_a_page_has_everything_that_the_result_depends_on():
    text = page(report())
    assert "**Verified**: no check found a mistake." in text
    found = rows(text)
    for row in (
        ("model", "m:a=1"),
        ("package", "plugin 1.2"),
        ("sha256 of its files", f"`{'e' * 64}`"),
        ("sha256 of a.arpa", f"`{'f' * 64}`"),
        ("suite", "version 2"),
        ("seed", "7"),
        ("steps", "1000", "60"),
        ("name", "–", "the same"),
        ("wide", "true", "the same"),
        ("sums", "pass", "0.50", ""),
        ("save", "n/a", "0.00", "the model cannot be saved"),
    ):
        assert row in found
    assert "run `lmbench check m:a=1 --seed 7`" in text


def test_the_last_line_signs_the_page_above_it(tmp_path):
    """As `sed '$d' page.md | sha256sum` computes it."""
    write(tmp_path / "page.md", report())
    above = subprocess.run(["sed", "$d", tmp_path / "page.md"], capture_output=True, check=True).stdout
    last = (tmp_path / "page.md").read_text().splitlines()[-1]
    assert last == f"sha256 of the page above this line: {hashlib.sha256(above).hexdigest()}"
    assert list(tmp_path.iterdir()) == [tmp_path / "page.md"]


def test_a_page_gives_the_reasons_for_doubt():
    text = page(report(doubt="sums failed: 2 | 3", trained_elsewhere="English is cheap"))
    assert "**Unverified**: sums failed: 2 \\| 3." in text
    assert "**† Trained on other text** than it is fitted on: English is cheap." in text
    assert "Verified**:" not in text


def test_nothing_from_a_plugin_becomes_markup():
    hostile = Outcome(check="sums", status="fail", detail=HOSTILE, seconds=0)
    text = page(
        report(
            model=HOSTILE,
            doubt=HOSTILE,
            trained_elsewhere=HOSTILE,
            outcomes=(hostile,),
            changed=(ChangedOption(name=HOSTILE, checked=HOSTILE, own=HOSTILE),),
            options={HOSTILE: HOSTILE},
            files=((HOSTILE, "f"),),
            package=Package(name=HOSTILE, version=HOSTILE, sha256=""),
            command=f"lmbench check {HOSTILE}",
        )
    )
    assert printable_lines(text) == text
    assert "<img" not in re.sub(r"(`+).*?\1(?!`)", "", text)
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        line for line in text.splitlines() if re.match("# x|## (Options|Checks|How)", line)
    ]
    widths = {len(re.split(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("|")}
    assert widths == {4, 5, 6}


def test_a_report_names_the_package_the_versions_and_the_command(tmp_path):
    with installed(tmp_path, {"plug": "plugin_module:Good"}, MODELS):
        made = make_report(ModelSpec.parse("plug"), (*OUTCOMES, PRIOR), seed=3)
    source = (tmp_path / "plugin_module.py").read_bytes()
    line = f"{hashlib.sha256(source).hexdigest()}  plugin_module.py\n"
    assert made.package == Package(
        name="lmbench-plugin", version="1.2", sha256=hashlib.sha256(line.encode()).hexdigest()
    )
    assert (made.lmbench, made.suite, made.seed) == (own_version(), SUITE_VERSION, 3)
    assert made.command == "lmbench check plug --seed 3"
    assert made.trained_elsewhere == "English costs 3 nats less"
    assert (made.doubt, made.options, made.changed) == ("", {}, ())


def test_the_command_is_quoted_for_the_shell(tmp_path):
    (tmp_path / "a b.arpa").write_text("x")
    made = make_report(ModelSpec.parse(f"arpa:{tmp_path}/a b.arpa"), OUTCOMES, seed=0)
    assert made.command == f"lmbench check 'arpa:{tmp_path}/a b.arpa' --seed 0"
    assert made.files == ((f"{tmp_path}/a b.arpa", hashlib.sha256(b"x").hexdigest()),)
    assert json.loads(made.model_dump_json())["options"]["path"] == f"{tmp_path}/a b.arpa"


@pytest.fixture
def package(tmp_path):
    """A plugin whose model is defined in a module of a package that also has data."""
    folder = tmp_path / "plug_package"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "models.py").write_text(MODELS)
    (folder / "data/a b.json").write_text("{}")
    with installed(tmp_path, {"plug": "plug_package.models:Good"}):
        yield folder
    sys.modules.pop("plug_package.models", None)
    sys.modules.pop("plug_package", None)


def test_a_package_is_hashed_as_the_manual_says(package):
    model = resolve("plug").model
    (package / "__pycache__").mkdir(exist_ok=True)
    (package / "__pycache__/models.pyc").write_bytes(b"compiled")
    (package / "link.json").symlink_to("data/a b.json")
    (package / "folder").symlink_to("data")
    manual = (Path(__file__).parent.parent.parent / "docs/checks.md").read_text()
    command = re.search(r"^find my_package(?:.|\n  )*$", manual, re.MULTILINE)[0].replace("my_package", "plug_package")
    listed = subprocess.run(command, shell=True, cwd=package.parent, capture_output=True, text=True, check=True).stdout
    before = hash_package(model)
    assert before == listed.split()[0]
    (package / "data/a b.json").write_text("[]")
    assert hash_package(model) != before


def test_a_model_without_a_file_has_no_hash():
    class Invented(Uniform):
        __module__ = "no_such_module"

    assert hash_package(Invented) == ""


def test_files_that_cannot_be_listed_are_reported_in_one_line(tmp_path):
    module = (
        MODELS
        + """
from lmbench import ModelOptions

class Unlisted(Good):
    class Options(ModelOptions):
        def files(self):
            raise RuntimeError("no files today")
"""
    )
    line = "the files of 'plug' cannot be listed: RuntimeError: no files today"
    with installed(tmp_path, {"plug": "plugin_module:Unlisted"}, module), pytest.raises(PluginError, match=line):
        make_report(ModelSpec.parse("plug"), OUTCOMES, 0)


def test_places_that_cannot_be_written_are_refused(tmp_path):
    (tmp_path / "old.md").write_text("old")
    (tmp_path / "link.md").symlink_to(tmp_path / "old.md")
    check_place(tmp_path / "old.md")
    check_place(tmp_path / "new.md")
    for path, message in (
        (tmp_path, "it is a folder; name a file"),
        (tmp_path / "link.md", "it is not a regular file"),
        (tmp_path / "none/new.md", f"the folder '{tmp_path}/none' does not exist"),
        (tmp_path / "old.md/new.md", f"the folder '{tmp_path}/old.md' does not exist"),
    ):
        with pytest.raises(ResultsError, match=f"cannot write {path}: {re.escape(message)}"):
            check_place(path)


def test_a_read_only_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(ResultsError, match="is read-only"):
        check_place(tmp_path / "new.md")
