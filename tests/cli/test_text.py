import pytest

from tests.cli.commands import assert_refused, lmbench


def test_score_prints_each_event(tmp_path):
    (tmp_path / "x.txt").write_text("é\n")
    result = lmbench("score", "uniform", tmp_path / "x.txt")
    assert result.stdout.splitlines() == [
        "start\tend\tbits\tspelling\tevent",
        "0\t1\t8.0000\t0.0000\tb'\\xc3'",
        "1\t2\t8.0000\t0.0000\tb'\\xa9'",
        "2\t3\t8.0000\t0.0000\t'\\n'",
    ]


def test_score_reads_a_text_as_a_run_does(tmp_path):
    """Each document by itself; the offsets are those of the whole text."""
    (tmp_path / "x.jsonl").write_text('{"body": "a b"}\n{"body": "a b"}\n{"body": "c"}\n')
    command = ("score", "kenlm:order=2", "--corpus", "markov:lines=50")
    by_name = lmbench(*command, tmp_path / "x.jsonl:field=body,limit=2")
    by_flag = lmbench(*command, "--field", "body", tmp_path / "x.jsonl:limit=2")
    assert by_name.returncode == 0, by_name.stderr
    assert by_name.stdout == by_flag.stdout
    rows = [line.split("\t") for line in by_name.stdout.splitlines()[1:]]
    half = len(rows) // 2
    assert [row[2:] for row in rows[:half]] == [row[2:] for row in rows[half:]]
    assert [(int(start) + 4, int(end) + 4) for start, end, *_ in rows[:half]] == [
        (int(start), int(end)) for start, end, *_ in rows[half:]
    ]
    joined = lmbench(*command, tmp_path / "x.jsonl:field=body,documents=file,limit=2").stdout
    assert len(joined.splitlines()) > len(by_name.stdout.splitlines())


def test_score_says_which_documents_it_has_found(tmp_path):
    (tmp_path / "x.txt").write_text("The cat sat on\nthe mat.\n\n" * 4)
    said = lmbench("score", "uniform", "x.txt", cwd=tmp_path).stderr
    assert said.startswith("x.txt: 4 documents (blocks); --documents line for lines\n")


def test_an_empty_text_does_not_have_events():
    result = lmbench("score", "uniform", "-")
    assert (result.returncode, result.stdout) == (0, "start\tend\tbits\tspelling\tevent\n")


def test_score_reads_standard_input_and_escapes_control_characters(tmp_path):
    (tmp_path / "x.txt").write_bytes(b"a\x1b[31m b\n")
    with (tmp_path / "x.txt").open() as file:
        result = lmbench("score", "kenlm:order=2,tokenizer=words", "-", "--corpus", "markov", stdin=file)
    assert "\x1b" not in result.stdout
    assert "'a\\x1b[31m'" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["uniform", "nowhere.txt"], "nowhere.txt: No such file or directory"),
        (["uniform", "binary"], "binary is not UTF-8"),
        (["kenlm", "one.txt", "--corpus", "x"], "unknown corpus 'x'"),
        (["uniform", "one.txt:feild=a"], "unknown option of one.txt 'feild'; did you mean 'field'?"),
        (["uniform", "one.txt:split=test"], "'one.txt:split=test' is scored as a whole; leave out split=test"),
    ],
)
def test_mistakes_in_score_are_refused_in_one_line(tmp_path, arguments, message):
    assert_refused(["score", *arguments], message, tmp_path)


def test_generate_continues_a_prompt(text):
    command = ("generate", "kenlm:order=3", "--corpus", text, "--max-new-tokens", 4)
    assert lmbench(*command, "--prompt", "the cat").stdout == "the cat sat on the mat\n"
    draws = ("--prompt", "我是一个程序员", "--num", 2, "--seed", 3)
    drawn = lmbench(*command, *draws, "--temperature", 1)
    assert drawn.returncode == 0, drawn.stderr
    first, second = drawn.stdout.removeprefix("--- 1 of 2\n").split("--- 2 of 2\n")
    assert first.startswith("我是一个程序员")
    assert second.startswith("我是一个程序员")
    assert drawn.stdout == lmbench(*command, *draws, "--top-k", 9999).stdout


def test_generate_reads_the_corpus_as_it_is_told(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"body": "the cat sat"}\n' * 20)
    command = ("generate", "kenlm:order=3", "--prompt", "the", "--max-new-tokens", 3)
    for options in (("--corpus", "x.jsonl:field=body"), ("--corpus", "x.jsonl", "--field", "body")):
        assert lmbench(*command, *options, cwd=tmp_path).stdout == "the cat sat\n\n"


def test_generate_escapes_control_characters_and_replaces_broken_ones():
    result = lmbench("generate", "uniform", "--prompt", "\x1b[31m", "--temperature", 1, "--max-new-tokens", 300)
    assert result.returncode == 0
    assert result.stdout.startswith("\\x1b[31m")
    assert "\ufffd" in result.stdout
    assert all(character == "\n" or character == "\t" or character.isprintable() for character in result.stdout)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("uniform", "--num", 2), "without a temperature all 2 texts would be the same; add --temperature 1"),
        (("uniform", "--temperature", 0, "--top-k", 3), "at temperature 0 nothing is drawn"),
        (("uniform", "--temperature", -1), "a temperature of -1 is not between 0 and infinity"),
        (("uniform", "--top-p", 0), "a top-p of 0 is not above 0 and at most 1"),
        (("unifrom",), "unknown model 'unifrom'; did you mean 'uniform'?"),
        (("uniform", "--prompt", "a\udcff"), "the prompt is not UTF-8 at character 1"),
        (("uniform", "--field", "body"), "--field: only for your own text, not for pydocs"),
        (("kenlm", "--corpus", "pydocs:documents=line"), "unknown option of pydocs 'documents'; it is an option of"),
        (("kenlm", "--corpus", "pydocs:split=all"), "cannot count n-grams: the training split does not contain"),
    ],
)
def test_mistakes_in_generate_are_refused_in_one_line(arguments, message):
    result = lmbench("generate", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"Error: {message}")
    assert len(result.stderr.splitlines()) == 1
