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
    ],
)
def test_mistakes_in_generate_are_refused_in_one_line(arguments, message):
    result = lmbench("generate", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"Error: {message}")
    assert len(result.stderr.splitlines()) == 1
