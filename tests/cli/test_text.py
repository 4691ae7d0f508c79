import pytest

from tests.cli.commands import lmbench


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
