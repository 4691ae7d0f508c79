import pytest

from lmbench.corpora.conllu import parse_sentences, tagged_split, text_split
from lmbench.corpus import TaggedWord
from lmbench.errors import CorpusError


def row(identity, form, upos="X", xpos="Y", misc="_"):
    return "\t".join([identity, form, form.lower(), upos, xpos, "_", "0", "root", "_", misc])


ENGLISH = "\n".join(
    [
        "# newdoc id = a",
        "# sent_id = 1",
        "# text = I don't = know.",
        row("1", "I", "PRON", "PRP"),
        row("2-3", "don't", "_", "_"),
        row("2", "do", "AUX", "VBP"),
        row("3", "n't", "PART", "RB"),
        row("3.1", "really", "ADV", "RB"),
        row("4", "know", "VERB", "VB", "SpaceAfter=No"),
        row("5", ".", "PUNCT", "."),
        "",
        "# newpar",
        row("1", "#", "SYM", "#"),
        "",
        "# newdoc",
        row("1-2", "vámonos", "_", "_", "Foo=1|SpaceAfter=No"),
        row("1", "vamos", "VERB"),
        row("2", "nos", "PRON"),
        row("3", "!", "PUNCT"),
        "",
        "",
    ]
)


def test_words_have_their_tags_and_sentences_their_text():
    first, second, third = parse_sentences(ENGLISH, "x")
    assert first.text == "I don't = know."
    assert [(word.form, word.upos, word.xpos) for word in first.words] == [
        ("I", "PRON", "PRP"), ("do", "AUX", "VBP"), ("n't", "PART", "RB"), ("know", "VERB", "VB"), (".", "PUNCT", "."),
    ]  # fmt: skip
    assert (second.text, third.text) == ("#", "vámonos!")
    assert [word.form for word in third.words] == ["vamos", "nos", "!"]
    assert [sentence.first for sentence in (first, second, third)] == [True, False, True]


@pytest.mark.parametrize(
    "change", [lambda t: t.replace("\n", "\r\n"), lambda t: "\ufeff" + t, lambda t: t.rstrip("\n")]
)
def test_line_ends_and_byte_order_marks_change_nothing(change):
    assert parse_sentences(change(ENGLISH), "x") == parse_sentences(ENGLISH, "x")


def test_tagged_splits_have_tokenized_lines():
    split = tagged_split(parse_sentences(ENGLISH, "x"))
    assert split.documents == ("I do n't know .\n#\n", "vamos nos !\n")
    assert [[len(line) for line in document] for document in split.tagged] == [[5, 1], [3]]
    assert split.tagged[0][0][1] == TaggedWord("do", "AUX", "VBP")


def test_text_splits_have_the_sentences_as_written():
    split = text_split(parse_sentences(ENGLISH, "x"))
    assert split.documents == ("I don't = know.\n#\n", "vámonos!\n")
    assert split.tagged is None


def test_without_marks_each_sentence_is_a_document():
    text = "\n\n".join([row("1", "同样"), row("1", "的") + "\n" + row("2", "a b\u3000c")]) + "\n"
    split = tagged_split(parse_sentences(text, "x"))
    assert split.documents == ("同样\n", "的 a_b_c\n")
    assert [word.form for word in split.tagged[1][0]] == ["的", "a_b_c"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x does not contain any sentences"),
        ("\n\n# text = a\n\n", "x does not contain any sentences"),
        ("1\ta\tb", "x, line 1: 3 columns separated by tabs; CoNLL-U has 10"),
        ("1 a b c d e f g h i", "x, line 1: 1 columns"),
        (row("1", "a") + "\n" + row("3", "b"), "x, line 2: the word's number is '3', expected 2"),
        (row("one", "a"), "x, line 1: the word's number is 'one', expected 1"),
        (row("0", "a"), "x, line 1: the word's number is '0', expected 1"),
        (row("²", "a"), "x, line 1: the word's number is '²', expected 1"),
        (row("1", ""), "x, line 1: the word's form is empty"),
        (row("2-3", "a"), "x, line 1: the multiword token 2-3 cannot follow 0 words"),
        (row("1-2", "a") + "\n" + row("1", "a") + "\n\n", "x, line 3: word 2 of a multiword token is missing"),
        (row("1-3", "a") + "\n" + row("1", "a") + "\n" + row("2-3", "b"), "x, line 3: the multiword token 2-3 cannot"),
        (row("2-1", "a"), "x, line 1: the multiword token 2-1 cannot"),
    ],
)
def test_malformed_lines_are_named(text, message):
    with pytest.raises(CorpusError) as error:
        parse_sentences(text, "x")
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("file", "count", "words", "documents"),
    [("ud-english-ewt/en_ewt-ud-dev.conllu", 2001, 25147, 318), ("ud-chinese-gsd/dev.conll", 500, 12663, 500)],
)
def test_universal_dependencies(mirror, file, count, words, documents):
    found = parse_sentences((mirror / file).read_text(), file)
    assert (len(found), sum(len(sentence.words) for sentence in found)) == (count, words)
    split = tagged_split(found)
    assert len(split.documents) == documents
    for text, lines in zip(split.documents, split.tagged, strict=True):
        assert [line.split(" ") for line in text[:-1].split("\n")] == [[word.form for word in line] for line in lines]


def test_columns_may_be_named():
    """As in CoNLL-U Plus, whose own columns may be missing at the end of a line."""
    first = "# text = ab c\n1\ta\tNOUN\tSpaceAfter=No\t1\n2\tb\t_\t_\n"
    text = f"# global.columns = ID FORM UPOS MISC X:Y\n{first}\n1\tc\tX\t_\t*\n"
    one, other = parse_sentences(text, "x")
    assert [(word.form, word.upos, word.xpos) for word in one.words] == [("a", "NOUN", "_"), ("b", "_", "_")]
    assert (one.text, other.text) == ("ab c", "c")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# global.columns = FORM UPOS\na\tX\n", "x, line 1: the columns lack ID"),
        ("# global.columns = ID UPOS\n1\tX\n", "x, line 1: the columns lack FORM"),
        ("# global.columns = ID FORM UPOS X:Y\n1\ta\n", "x, line 2: 2 columns separated by tabs; line 1 names 4"),
        ("# global.columns = ID FORM X:Y\n1\ta\tb\tc\n", "x, line 2: 4 columns separated by tabs; line 1 names 3"),
    ],
)
def test_malformed_columns_are_refused(text, message):
    with pytest.raises(CorpusError, match=message):
        parse_sentences(text, "x")
