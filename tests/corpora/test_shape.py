import pytest

from lmbench.corpora.shape import INSPECTED, recognize_shape

WRAPPED = (
    "It was a bright cold day in April, and the clocks were striking\n"
    "thirteen. Winston Smith, his chin nuzzled into his breast in an effort\n"
    "to escape the vile wind, slipped quickly through the glass doors of\n"
    "Victory Mansions, though not quickly enough.\n"
)
SENTENCES = "The cat sat on the mat.\nWho let the dog in?\n“Not me!” said the cat.\nThe dog (a small one) slept.\n"
ITEMS = "apple\npear tree\na banana that is yellow\nfig\n"
PLAY = "First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\nSpeak, speak.\n\n"
POEM = "白日依山盡，\n黃河入海流。\n欲窮千里目，\n更上一層樓。\n\n"
CODE = "def f(x):\n    return x + 1\n\n\nclass A:\n    y = 2\n\n\n"
WIKI = " \n = Robert Boulter = \n \n Robert Boulter is an English actor . \n \n = = Career = = \n \n He had a role . \n"


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("", "line"),
        ("the cat", "line"),
        (SENTENCES * 20, "line"),
        (ITEMS * 20, "line"),
        (WRAPPED * 20, "line"),
        ("a\n\nb\n", "line"),
        ("a\n\nb\n\nc\n", "block"),
        ("\n\na\r\n\r\nb\r\n\r\nc", "block"),
        (f"{WRAPPED}\n" * 3, "block"),
        (f"CHAPTER I\n\n{WRAPPED * 9}\n" * 4, "block"),
        (PLAY * 5, "block"),
        (POEM * 5, "block"),
        (CODE * 5, "block"),
        ("A paragraph in one line. It has two sentences.\n\n" * 9, "block"),
        (f"{SENTENCES}\n" * 9, "line"),
        (f"{ITEMS * 9}\n" * 9, "line"),
        (f"{SENTENCES * 9}\n" * 9, "line"),
        (WIKI, "article"),
        (WIKI.replace(" \n", "\n"), "article"),
        (f"the end of an article\n{WIKI}", "block"),
        ("= = Part = =\n\na\n\nb\n", "block"),
        ("= a = b = c =\nd\ne\n", "line"),
    ],
)
def test_documents_are_what_the_text_looks_like(text, unit):
    assert recognize_shape(text).units[0] == unit


def test_few_articles_may_be_paragraphs():
    assert recognize_shape(WIKI).units == ("article", "block")


@pytest.mark.parametrize(
    ("text", "padded"),
    [
        ("", False),
        (" a \n b \n c\n", True),
        ("a \r\nb \r\n", True),
        (" a \n\n\n b \n \n", True),
        ("  a\n  b\n", False),
        ("a \nb\n", False),
    ],
)
def test_padding_is_a_space_at_the_end_of_most_lines(text, padded):
    assert recognize_shape(text).padded == padded


def test_a_line_that_is_cut_is_ignored():
    """Otherwise the last letters would be a third paragraph."""
    text = f"a\n\n{'b' * (INSPECTED - 8)}\n\n"
    assert recognize_shape(f"{text}cccc").units == ("line",)
    assert recognize_shape(f"{text}cc").units == ("block",)


@pytest.mark.parametrize(
    ("name", "unit", "padded"),
    [
        ("wikitext-2/train.txt", "article", True),
        ("wikitext-2/test.txt", "article", True),
        ("wikitext-2-raw/valid.txt", "article", True),
        ("tinyshakespeare/input.txt", "block", False),
        ("war-and-peace/wap.train.txt", "line", False),  # it has lost its empty lines
    ],
)
def test_real_corpora(mirror, name, unit, padded):
    shape = recognize_shape((mirror / name).read_text()[:INSPECTED])
    assert (shape.units[0], shape.padded) == (unit, padded)


def test_tagged_sentences_are_lines(mirror):
    """The text of a treebank, one sentence a line, and Penn Treebank's form, with a space at both ends of each line."""
    rows = (mirror / "ud-english-ewt/en_ewt-ud-test.conllu").read_text().split("\n")
    sentences = [row.removeprefix("# text = ") for row in rows if row.startswith("# text = ")]
    assert recognize_shape("\n".join(sentences)[:INSPECTED]).units == ("line",)
    padded = recognize_shape("".join(f" {sentence} \n" for sentence in sentences)[:INSPECTED])
    assert (padded.units, padded.padded) == (("line",), True)
