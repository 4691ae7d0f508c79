import csv
import io
import json
from ast import literal_eval

import pytest

from tests.cli.commands import assert_refused, lmbench

HEADER = "model\titem\tstart\tend\tbits\tspelling\tevent"


def test_each_event_is_printed_and_then_the_total(tmp_path):
    (tmp_path / "x.txt").write_text("é\n")
    result = lmbench("score", "uniform", tmp_path / "x.txt")
    assert result.stdout.splitlines() == [
        HEADER,
        "uniform\t1\t0\t1\t8.0000\t0.0000\tb'\\xc3'",
        "uniform\t1\t1\t2\t8.0000\t0.0000\tb'\\xa9'",
        "uniform\t1\t2\t3\t8.0000\t0.0000\t'\\n'",
    ]
    total = "uniform: 24.00 bits in all, 8.0000 bits/byte (3 bytes, 3 events, 0 of them unknown words)"
    assert result.stderr.splitlines()[-1] == total


def test_a_text_is_read_as_a_run_reads_it(tmp_path):
    """Each document by itself; the offsets are its own."""
    (tmp_path / "x.jsonl").write_text('{"body": "a b"}\n{"body": "a b"}\n{"body": "c"}\n')
    command = ("score", "kenlm:order=2", "--corpus", "markov:lines=50")
    by_name = lmbench(*command, tmp_path / "x.jsonl:field=body,limit=2")
    by_flag = lmbench(*command, "--field", "body", tmp_path / "x.jsonl:limit=2")
    assert by_name.returncode == 0, by_name.stderr
    assert by_name.stdout == by_flag.stdout
    rows = [line.split("\t") for line in by_name.stdout.splitlines()[1:]]
    half = len(rows) // 2
    assert [row[1] for row in rows] == ["1"] * half + ["2"] * half
    assert [row[2:] for row in rows[:half]] == [row[2:] for row in rows[half:]]
    joined = lmbench(*command, tmp_path / "x.jsonl:field=body,documents=file,limit=2").stdout
    assert len(joined.splitlines()) > len(by_name.stdout.splitlines())


def test_several_models_score_the_rows_of_a_table(tmp_path):
    """The header is not a text, and every format has the same numbers."""
    (tmp_path / "x.csv").write_text('id,sentence\n1,"a, b"\n2,=b\n')
    command = ("score", "uniform,ppm:order=2", "x.csv", "--column", "sentence", "--corpus", "markov:lines=50")
    texts = {name: lmbench(*command, "--format", name, cwd=tmp_path) for name in ("tsv", "csv", "json", "html")}
    assert {result.returncode for result in texts.values()} == {0}, texts["tsv"].stderr
    rows = [line.split("\t") for line in texts["tsv"].stdout.splitlines()]
    assert {(row[0], row[1]) for row in rows[1:]} == {(m, i) for m in ("uniform", "ppm:order=2") for i in "12"}
    spelled = "".join(literal_eval(row[6]) for row in rows if row[0] == "uniform")
    assert spelled == "a, b\n=b\n"
    assert [row[:6] for row in csv.reader(io.StringIO(texts["csv"].stdout))] == [row[:6] for row in rows]
    uniform, ppm = json.loads(texts["json"].stdout)
    assert (uniform["bits"], uniform["bytes"], uniform["bits_per_byte"]) == (64.0, 8, 8.0)
    assert [f"{event['bits']:.4f}" for item in ppm["items"] for event in item["events"]] == [
        row[4] for row in rows if row[0] == "ppm:order=2"
    ]
    assert texts["html"].stdout.count("<span ") == len(rows) - 1
    assert [line for line in texts["tsv"].stderr.splitlines() if "bits/byte" in line] == [
        line for line in texts["json"].stderr.splitlines() if "bits/byte" in line
    ]


def test_the_format_of_the_file_follows_its_name(tmp_path):
    (tmp_path / "x").write_text('{"text": "a"}\n')
    result = lmbench("score", "uniform", "x:format=text", cwd=tmp_path)
    assert len(result.stdout.splitlines()) == 1 + len('{"text": "a"}\n')


def test_the_command_says_which_documents_it_has_found(tmp_path):
    (tmp_path / "x.txt").write_text("The cat sat on\nthe mat.\n\n" * 4)
    said = lmbench("score", "uniform", "x.txt", cwd=tmp_path).stderr
    assert said.startswith("x.txt: 4 documents (blocks); --documents line for lines\n")


def test_the_command_says_if_most_words_are_unknown(tmp_path, text):
    (tmp_path / "x.txt").write_text("the zebra yawns\n")
    said = lmbench("score", "kenlm:order=2,tokenizer=words", "x.txt", "--corpus", text, cwd=tmp_path).stderr
    assert said.endswith("(16 bytes, 4 events, 2 of them unknown words)\n")
    (tmp_path / "x.txt").write_text("a zebra yawns now\n")
    said = lmbench("score", "kenlm:order=2,tokenizer=words", "x.txt", "--corpus", text, cwd=tmp_path).stderr
    assert "60% of the events are unknown words: the model learned other words, or has another tokenizer" in said


def test_an_empty_text_does_not_have_events():
    result = lmbench("score", "uniform", "-")
    assert (result.returncode, result.stdout) == (0, f"{HEADER}\n")
    assert result.stderr.endswith("uniform: 0 bits, since the text is empty\n")


def test_standard_input_is_read_and_control_characters_are_escaped(tmp_path):
    (tmp_path / "x.txt").write_bytes(b"a\x1b[31m b\n")
    command = ("score", "kenlm:order=2,tokenizer=words", "-", "--corpus", "markov")
    for layout in ("tsv", "csv", "html"):
        with (tmp_path / "x.txt").open() as file:
            result = lmbench(*command, "--format", layout, stdin=file)
        assert "\x1b" not in result.stdout
        assert "a\\x1b[31m" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["uniform", "nowhere.txt"], "nowhere.txt: No such file or directory"),
        (["uniform", "binary"], "binary is not UTF-8"),
        (["uniform,kenlm", "one.txt", "--corpus", "x"], "unknown corpus 'x'"),
        (["uniform,kenml", "one.txt"], "unknown model 'kenml'"),
        (["uniform,kenml", "-"], "unknown model 'kenml'"),
        (["kenlm:ordr=2", "nowhere.txt"], "unknown option of kenlm 'ordr'; did you mean 'order'?"),
        (["uniform", "one.txt:feild=a"], "unknown option of one.txt 'feild'; did you mean 'field'?"),
        (["uniform", "one.txt:split=test"], "'one.txt:split=test' is scored as a whole; leave out split=test"),
        (["uniform", "one.txt", "--format", "xml"], "Invalid value for '--format': 'xml' is not one of 'tsv', 'csv'"),
    ],
)
def test_mistakes_are_refused_in_one_line(tmp_path, arguments, message):
    assert_refused(["score", *arguments], message, tmp_path)
