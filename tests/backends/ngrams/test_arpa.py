import bz2
import gzip
import json
import lzma
import math
import re
import sys
from itertools import product

import numpy as np
import pytest

from lmbench import ModelSpec, NotFittedError, Split, TrainingText, build
from lmbench.backends.ngrams.kenlm_engine import import_kenlm
from lmbench.checks import check_spec
from lmbench.cli.export import write_export
from lmbench.errors import SpecError, UnavailableError
from lmbench.ngrams.arpa_writer import SENTENCE_END, SENTENCE_START, UNKNOWN_WORD, write_arpa
from lmbench.ngrams.counts import join_lines
from lmbench.ngrams.kneser_ney import KneserNeySettings, estimate
from lmbench.text.lexicon import Lexicon, LexiconOptions
from tests.backends.ngrams.files import LETTERS, needs_kenlm, opened
from tests.ngrams.arpa_texts import ACROSS_LINES, SMALL
from tests.recording import Recorded
from tests.test_contract import ODD

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

NO_UNKNOWN = SMALL.replace("-1.0\t<unk>\n", "").replace("1=5", "1=4")


@pytest.fixture
def small(tmp_path):
    (tmp_path / "small.arpa").write_text(SMALL)
    return tmp_path / "small.arpa"


@pytest.fixture
def exported(tmp_path, english):
    """An ARPA file of lmbench's own trigrams, in which no word of the training split is unknown."""
    lexicon = Lexicon.learn(english, LexiconOptions(min_count=1))
    model = estimate(
        join_lines(lexicon.lines(english.train.documents), len(lexicon)), len(lexicon), KneserNeySettings(3)
    )
    path = tmp_path / "exported.arpa"
    write_arpa(path, model.orders, [UNKNOWN_WORD, SENTENCE_END, *lexicon.types[2:], SENTENCE_START], model.kept)
    return path


def test_hand_computed_lines(small):
    """Bigrams that the file lacks back off; an unknown word pays <unk>, and for its spelling each byte and the end."""
    text = "a b\nb zé\n\na"
    [score] = opened(small).score([text])
    log10s = [-0.25, -0.15, -0.35, -0.5 - 0.7, -0.3 - 1.0, -0.6, -0.5 - 0.6, -0.25]
    spelling = [0.0] * 8
    spelling[4] = -4 * math.log(257)
    assert score.check(text).ends.tolist() == [1, 3, 4, 5, 9, 10, 11, 12]
    assert score.spelling.tolist() == pytest.approx(spelling)
    assert (score.logprobs - score.spelling).tolist() == pytest.approx(np.array(log10s) * math.log(10), abs=1e-6)


def test_next_events_are_the_files_words(small):
    nexts = opened(small).next_events("a\na")
    assert nexts.names == ("<unk>", "\n", "a", "b")
    log10s = [-0.2 - 1.0, -0.2 - 0.6, -0.2 - 0.4, -0.15]
    assert nexts.logprobs.tolist() == pytest.approx(np.array(log10s) * math.log(10), abs=1e-6)


def test_a_file_without_unk(tmp_path):
    path = tmp_path / "x.arpa"
    path.write_text(NO_UNKNOWN)
    progress = Recorded()
    model = opened(path, progress=progress)
    assert progress.notices == [f"'{path}' lacks <unk>, so an unknown word has the probability 1e-100, as in KenLM"]
    [score] = model.score(["a z\n"])
    assert score.logprobs[1] - score.spelling[1] == pytest.approx((-0.2 - 100) * math.log(10))
    assert "unk:absent(1e-100)+letters-uniform" in str(model.signature())
    nexts = model.next_events("")
    assert nexts.logprobs[nexts.names.index("<unk>")] < -200


def test_arpas_own_words_and_white_space_are_unknown(small):
    for text in ("<s>", "</s>", "<unk>", "<UNK>", "\x0b", "a\0", "  ", "\t"):
        [score] = opened(small).score([text])
        assert (score.check(text).spelling < 0).all(), text


def test_an_exported_file_scores_as_the_kenlm_model(exported, english):
    kenlm = build("kenlm:order=3,min_count=1")
    kenlm.fit(english)
    arpa = opened(exported)
    texts = [*english.train.documents, "the cat zzz the zzz\n\nyyy dog", ""]
    for own, read in zip(kenlm.score(texts), arpa.score(texts), strict=True):
        assert own.ends.tolist() == read.ends.tolist()
        np.testing.assert_allclose(own.logprobs - own.spelling, read.logprobs - read.spelling, rtol=0, atol=1e-6)
    for text in ("", "the", "the cat", "zzz\nthe dog"):
        own, read = kenlm.next_events(text), arpa.next_events(text)
        assert read.names == own.names
        np.testing.assert_allclose(own.logprobs, read.logprobs, rtol=0, atol=1e-6)
    assert arpa.footprint().parameters == kenlm.footprint().parameters


def test_expectations_of_kenlms_own_tests(reference):
    """Expected values of lm/model_test.cc in kpu/kenlm."""
    expected = json.loads((reference / "arpa/kenlm-test.arpa.expected.json").read_text())
    model = opened(reference / "arpa/kenlm-test.arpa")
    rows = expected["bos_continuation"]
    [score] = model.score([" ".join(word for word, _, _ in rows[:-1]) + "\n"])
    log10s = (score.logprobs - score.spelling) / math.log(10)
    np.testing.assert_allclose(log10s, [log10 for _, _, log10 in rows], rtol=1e-5)
    scores = model.score([word for word, _, _ in expected["bos_starters"]])
    log10s = [float(score.logprobs[0] - score.spelling[0]) / math.log(10) for score in scores]
    assert log10s == pytest.approx([log10 for _, _, log10 in expected["bos_starters"]], rel=1e-5)


def test_expectations_of_sphinxbases_own_tests(reference, tmp_path):
    """Expected values of test_lm_score.c, integers to the base 1.0001; here the file has tabs and no preamble."""
    scores = json.loads((reference / "arpa/sphinxbase-expected.json").read_text())["scores"]
    text = gzip.decompress((reference / "arpa/sphinxbase-100.lm.gz").read_bytes()).decode()
    arpa = text[text.index("\n\\data\\") + 1 :]
    with_tabs = re.sub(r"(?m)^(-\d+\.\d+) (.*?)(?:[ \t](-?\d\.\d+))? *$", r"\1\t\2\t\3", arpa)
    (tmp_path / "x.arpa").write_text(with_tabs.replace("\t\n", "\n"))
    trigram, bigram = opened(tmp_path / "x.arpa").score(["david huggins daines", "zzz david huggins"])
    assert int(trigram.logprobs[2] / math.log(1.0001)) == scores["daines|huggins david (newest first, 3-gram)"]
    assert int(bigram.logprobs[2] / math.log(1.0001)) == scores["huggins|david (2-gram)"]


def test_odd_texts_are_spelled_exactly(exported):
    for document, score in zip(ODD, opened(exported).score(ODD), strict=True):
        score.check(document)


@pytest.mark.parametrize("tokenizer", ["words", "pieces", "bytes"])
def test_lines_of_up_to_three_letters_sum_to_at_most_one(exported, tokenizer):
    lines = ["".join(letters) + "\n" for length in range(4) for letters in product("a z<", repeat=length)]
    scores = opened(exported, tokenizer).score(lines)
    assert 0 < sum(math.exp(score.logprobs.sum()) for score in scores) <= 1 + 1e-6


def test_next_events_sum_to_one(exported):
    model = opened(exported)
    for text in ("", "the", "zzz", "the cat", "zzz the", "a\n"):
        assert np.exp(model.next_events(text).logprobs).sum() == pytest.approx(1, abs=1e-6)


def test_han_characters_are_pieces(tmp_path):
    path = tmp_path / "han.arpa"
    path.write_text(SMALL.replace("\ta", "\t中").replace("> a", "> 中").replace("b", "国"))
    [score] = opened(path, "pieces").score(["中国\n"])
    assert score.logprobs.tolist() == pytest.approx(np.array([-0.25, -0.15, -0.35]) * math.log(10), abs=1e-6)


def compress_seekable(data):
    """Return zstandard frames after a skippable one, as pzstd writes them."""
    return b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"size" + zstd.compress(data)


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress), ("zst", compress_seekable)],
)
def test_compressed_files(small, suffix, compress):
    path = small.with_suffix(f".arpa.{suffix}")
    path.write_bytes(compress(small.read_bytes()))
    packed = opened(path)
    assert packed.score(["a b\n"])[0].logprobs.tolist() == opened(small).score(["a b\n"])[0].logprobs.tolist()
    assert packed.next_events("").names == ("<unk>", "\n", "a", "b")
    assert packed.footprint().parameters == 5 + 3 + 5


def test_malformed_text_is_one_line(tmp_path):
    (tmp_path / "x.arpa").write_text(SMALL.replace("-0.4\ta", "0.4\ta"))
    with pytest.raises(UnavailableError, match=r"x.arpa', line 9: the log10 probability 0.4 is above 0$"):
        opened(tmp_path / "x.arpa")


UNIGRAMS = re.sub(r"ngram 2.*\n|\t-0.\d(?=\n)|\\2-grams:(?s:.*)(?=\\end)", "", SMALL)


def by_kenlm(path, words):
    """Return log10 P of each word of a line and its end, word by word: the package would split a line within words."""
    kenlm = import_kenlm()
    model, state, after, log10s = kenlm.Model(str(path)), kenlm.State(), kenlm.State(), []
    model.BeginSentenceWrite(state)
    for word in (*words, "</s>"):
        log10s.append(model.BaseScore(state, word, after))
        state, after = after, state
    return log10s


@needs_kenlm
def test_kenlm_reads_ngrams_across_lines_the_same(tmp_path):
    path = tmp_path / "x.arpa"
    path.write_text(ACROSS_LINES)
    lines = [line for n in range(4) for line in product(("a", "b", "zzz"), repeat=n)]
    [score] = opened(path).score(["".join(" ".join(line) + "\n" for line in lines)])
    expected = [log10 for line in lines for log10 in by_kenlm(path, line)]
    np.testing.assert_allclose((score.logprobs - score.spelling) / math.log(10), expected, rtol=0, atol=1e-5)


def test_each_line_and_document_begins_with_an_empty_history(tmp_path):
    (tmp_path / "x.arpa").write_text(ACROSS_LINES)
    model = opened(tmp_path / "x.arpa")
    documents = ["a b\n", "a\n", "b\na", "", "a b\nb\n", "a"]
    alone = [model.score([document])[0].logprobs.tolist() for document in documents]
    assert [score.logprobs.tolist() for score in model.score(documents)] == alone
    assert [score.logprobs.tolist() for score in model.score(documents[::-1])] == alone[::-1]
    assert model.score(["b\na b\na\n"])[0].logprobs.tolist()[2:] == [*alone[0], *alone[1]]
    for text in ("", "a\n", "b\n\n"):
        assert model.next_events(text).logprobs.tolist() == model.next_events("").logprobs.tolist()
        assert model.score([f"{text}a b\n"])[0].logprobs.tolist()[-3:] == alone[0]


def test_the_suite_passes_a_file_with_ngrams_across_lines(tmp_path, english):
    """In this file every word has an improbable trigram after "</s> <s>", which would show in another order."""
    model = build("kenlm:order=3,min_count=1,tokenizer=words")
    model.fit(english)
    model.export(tmp_path / "x.arpa")
    text = (tmp_path / "x.arpa").read_text()
    words = [word for word in model.next_events("").names if word not in ("<unk>", "\n")]
    for order, ngrams in ((2, ["-9\t</s> <s>\t0"]), (3, [f"-9\t</s> <s> {word}" for word in words])):
        count = int(re.search(rf"ngram {order}=(\d+)", text)[1])
        text = text.replace(f"ngram {order}={count}", f"ngram {order}={count + len(ngrams)}")
        text = text.replace(f"\\{order}-grams:\n", "\n".join([f"\\{order}-grams:", *ngrams, ""]))
    (tmp_path / "x.arpa").write_text(text)
    outcomes = check_spec(ModelSpec.parse(f"arpa:{tmp_path}/x.arpa,escaped=true"))
    assert [(outcome.check, outcome.detail) for outcome in outcomes if outcome.status == "fail"] == []


@needs_kenlm
@pytest.mark.parametrize("letter", LETTERS)
def test_other_white_space_is_a_letter(tmp_path, letter):
    word, path = f"2{letter}000", tmp_path / "x.arpa"
    path.write_bytes(
        SMALL.replace("\tb\t", f"\t{word}\t").replace("a b", f"a {word}").replace("b <", f"{word} <").encode()
    )
    for words in (("a", word, "a"), (word, word), ("a", f"{word}{letter}"), (letter,)):
        [score] = opened(path).score([" ".join(words) + "\n"])
        np.testing.assert_allclose(
            (score.logprobs - score.spelling) / math.log(10), by_kenlm(path, words), rtol=0, atol=1e-5
        )
        assert (score.spelling < 0).tolist() == [*(known not in ("a", word) for known in words), False]


def test_valid_files_that_kenlm_does_not_read(tmp_path):
    """A preamble, and unigrams alone; the numbers are computed by hand."""
    (tmp_path / "pre.arpa").write_text("made by hand\n\\1-grams:\n" + SMALL)
    (tmp_path / "small.arpa").write_text(SMALL)
    (tmp_path / "uni.arpa").write_text(UNIGRAMS)
    text = "a b\nb zé\n\na"
    [read], [plain] = (opened(tmp_path / name).score([text]) for name in ("pre.arpa", "small.arpa"))
    assert read.logprobs.tolist() == plain.logprobs.tolist()
    [score] = opened(tmp_path / "uni.arpa").score(["a b\n"])
    assert score.logprobs.tolist() == pytest.approx(np.array([-0.4, -0.7, -0.6]) * math.log(10))
    assert opened(tmp_path / "pre.arpa").footprint().parameters == 5 + 3 + 5


def test_orders_above_six(tmp_path):
    model = build("kenlm:order=8,min_count=1,tokenizer=words")
    text = "a b c d e f g h i\n" * 4 + "a b d c e g f h i\n" * 2
    model.fit(TrainingText(Split((text,)), Split(()), tokenized=True))
    model.export(tmp_path / "x.arpa")
    [own], [read] = model.score([text]), opened(tmp_path / "x.arpa").score([text])
    np.testing.assert_allclose(own.logprobs, read.logprobs, atol=1e-5)


RAW = {
    "english": "It's 12 o'clock, <unk>  and\ta \\x20.\nthe cat sat on the mat . The cat\n\nsat, on a mat.\n" * 2,
    "chinese": "狐狸说：“葡萄是酸的。”\n狐狸走了，葡萄 还在。\n狐狸\u3000说，12 个葡萄 <s>\n" * 2,
}


@pytest.mark.parametrize("language", RAW)
@pytest.mark.parametrize("options", ["order=3", "order=8,min_count=1", "order=1", "order=3,prune=0-2"])
@pytest.mark.parametrize("tokenizer", ["words", "pieces", "bytes", "bpe:300"])
def test_an_export_scores_as_the_model_that_wrote_it(tmp_path, language, options, tokenizer):
    """The same events, known words and costs without spelling, in the training text and in others."""
    model = build(f"kenlm:{options},tokenizer={tokenizer}")
    model.fit(TrainingText(Split((RAW[language],)), Split(())))
    write_export(model, ModelSpec("kenlm"), tmp_path / "x.arpa")
    read = opened(tmp_path / "x.arpa", tokenizer.partition(":")[0], escaped=True)
    texts = [*RAW.values(), "zzz 狗 </s> the\r\n", ""]
    for own, other in zip(model.score(texts), read.score(texts), strict=True):
        assert own.ends.tolist() == other.ends.tolist()
        assert (own.spelling < 0).tolist() == (other.spelling < 0).tolist()
        np.testing.assert_allclose(own.logprobs - own.spelling, other.logprobs - other.spelling, rtol=0, atol=1e-5)
    assert read.next_events("").names == model.next_events("").names
    if "order=1" not in options:  # for order 1 a bigram and back-offs are written, since KenLM needs them
        assert read.footprint().parameters == model.footprint().parameters


@pytest.mark.parametrize("tokenizer", ["words", "pieces", "bytes", "bpe:300"])
def test_an_export_passes_the_conformance_suite(tmp_path, tokenizer):
    """In the English text, `pieces` knows "." but not " .", which is another word."""
    model = build(f"kenlm:order=3,tokenizer={tokenizer}")
    model.fit(TrainingText(Split((RAW["english"] + "a mat.\n" * 2,)), Split(())))
    model.export(tmp_path / "x.arpa")
    spec = ModelSpec.parse(f"arpa:{tmp_path}/x.arpa,escaped=true,tokenizer={tokenizer.partition(':')[0]}")
    assert [(outcome.check, outcome.detail) for outcome in check_spec(spec) if outcome.status == "fail"] == []


def test_the_suite_names_the_history_whose_back_off_is_wrong(tmp_path, english):
    """One weight in the file is wrong, after a history that the suite's own texts do not contain."""
    model = build("kenlm:order=3,min_count=1,tokenizer=words")
    model.fit(english)
    model.export(tmp_path / "x.arpa")
    lines = (tmp_path / "x.arpa").read_text().split("\n")
    [place] = [i for i, line in enumerate(lines) if "\tsaw the\t" in line]
    probability, words, _ = lines[place].split("\t")
    lines[place] = f"{probability}\t{words}\t0.1"
    (tmp_path / "x.arpa").write_text("\n".join(lines))
    spec = ModelSpec.parse(f"arpa:{tmp_path}/x.arpa,escaped=true")
    [failed] = [outcome for outcome in check_spec(spec) if outcome.status == "fail"]
    assert failed.check == "normalization"
    assert re.fullmatch(r"after 'saw the' the next events sum to 1\.\d+", failed.detail)


@pytest.mark.parametrize("content", [None, "", "{", "{}"])
def test_missing_or_broken_merges_are_refused(small, content):
    reason = "does not exist$"
    if content is not None:
        small.with_name("small.arpa.tokenizer.json").write_text(content)
        reason = "is not a tokenizer that `lmbench export` wrote: "
    with pytest.raises(UnavailableError, match=rf"small\.arpa\.tokenizer\.json' {reason}"):
        opened(small, "bpe")


@pytest.mark.parametrize(("name", "line"), [("105", 18), ("106", None), ("107", 29)])
def test_sphinxbases_malformed_files_are_refused(reference, name, line):
    with pytest.raises(UnavailableError, match=rf"sphinxbase-{name}\.lm\.gz', line {line or ''}"):
        opened(reference / f"arpa/sphinxbase-{name}.lm.gz")


def test_expectations_of_sphinxbases_own_tests_on_the_compressed_file(reference):
    """Expected values of test_lm_score.c, integers to the base 1.0001; here for the file as it is."""
    expected = json.loads((reference / "arpa/sphinxbase-expected.json").read_text())
    model = opened(reference / "arpa/sphinxbase-100.lm.gz")
    [score] = model.score(["david huggins daines"])
    wanted = expected["scores"]["daines|huggins david (newest first, 3-gram)"]
    assert score.logprobs[2] / math.log(expected["log_base"]) == pytest.approx(wanted, abs=2)


def test_a_path_that_is_not_a_file_is_refused(tmp_path):
    with pytest.raises(UnavailableError, match=f"^'{re.escape(str(tmp_path))}/nothing.arpa' does not exist$"):
        opened(tmp_path / "nothing.arpa")
    with pytest.raises(UnavailableError, match=f"^'{re.escape(str(tmp_path))}' is a folder, not a file$"):
        opened(tmp_path)


def test_words_that_are_not_utf8_are_refused(tmp_path):
    path = tmp_path / "latin1.arpa"
    path.write_bytes(SMALL.replace("\tb\t", "\tbé\t").replace("a b", "a a").replace("b <", "a <").encode("latin-1"))
    with pytest.raises(UnavailableError, match=r"latin1.arpa', line 10: the word 'b\ufffd' is not UTF-8"):
        opened(path)


def test_the_unknown_word_in_capitals_is_one_event(tmp_path):
    for name, text in (("small", SMALL), ("capitals", SMALL.replace("<unk>", "<UNK>"))):
        (tmp_path / f"{name}.arpa").write_text(text)
    small, capitals = (opened(tmp_path / f"{name}.arpa").next_events("a") for name in ("small", "capitals"))
    assert capitals.names == small.names
    np.testing.assert_allclose(capitals.logprobs, small.logprobs)


@needs_kenlm
@pytest.mark.parametrize("word", ["<S>", "</S>", "<Unk>", "b\x7f", "\x01"])
def test_a_word_of_kenlm_is_a_word_here(tmp_path, word):
    path = tmp_path / "x.arpa"
    path.write_text(SMALL.replace("\tb\t", f"\t{word}\t").replace("a b", f"a {word}").replace("b <", f"{word} <"))
    [score] = opened(path).score([f"a {word}\n"])
    log10s = [log10 for log10, _, _ in import_kenlm().Model(str(path)).full_scores(f"a {word}")]
    np.testing.assert_allclose(score.logprobs, np.array(log10s) * math.log(10), rtol=1e-6)


def test_the_signature_names_the_engine_and_the_line_start(small):
    assert "|order:2|bos:line|engine:arrays|tok:words|unk:file+" in str(opened(small).signature())
    small.write_text(UNIGRAMS.replace("-99\t<s>\n", "").replace("1=5", "1=4"))
    assert "|order:1|bos:absent|engine:arrays|" in str(opened(small).signature())


def test_invalid_options_are_refused():
    with pytest.raises(SpecError, match=r"^arpa needs path=: "):
        build("arpa")
    with pytest.raises(SpecError, match="arpa: option tokenizer=bpm: Input should be 'auto', 'words', 'pieces', 'j"):
        build("arpa:x.arpa,tokenizer=bpm")


def test_fit_learns_nothing(small):
    model = opened(small)
    [before] = model.score(["a b\n"])
    model.fit(TrainingText(Split(("b b b\n",)), Split(())))
    [after] = model.score(["a b\n"])
    assert before.logprobs.tolist() == after.logprobs.tolist()


def test_scoring_before_loading_is_an_error(small):
    model = build(ModelSpec("arpa", (("path", str(small)),)))
    for ask in (lambda: model.score(["a"]), lambda: model.next_events("a"), model.signature, model.footprint):
        with pytest.raises(NotFittedError, match="this ArpaFile is not ready; call prepare first"):
            ask()


def test_without_the_package_only_binaries_are_unavailable(small, monkeypatch):
    monkeypatch.setitem(sys.modules, "kenlm", None)
    assert opened(small).score(["a b\n"])[0].logprobs[0] == pytest.approx(-0.25 * math.log(10))
    small.write_bytes(b"mmap lm http://kheafield.com/code format version 5\n\0")
    with pytest.raises(
        UnavailableError, match=r"^the package kenlm cannot be imported \(.*\): pip install 'lmbench-su"
    ):
        opened(small)


def test_without_escaped_the_escapes_are_words(tmp_path):
    model = build("kenlm:order=3,min_count=1,tokenizer=pieces")
    model.fit(TrainingText(Split((RAW["english"],)), Split(())))
    model.export(tmp_path / "x.arpa")
    (tmp_path / "x.arpa.lexicon.json").unlink()
    [score] = opened(tmp_path / "x.arpa", "pieces").score([RAW["english"]])
    assert (score.spelling < 0).any()


def test_a_file_of_the_kernel_that_never_ends_is_empty():
    """/proc/kmsg waits for more, and claims to be empty, as do all files in /proc."""
    with pytest.raises(UnavailableError, match="'/proc/self/status' is empty"):
        build("arpa:/proc/self/status").prepare(None, Recorded())
