import bz2
import gzip
import json
import lzma
import math
import re
import shutil
import subprocess
from itertools import product

import numpy as np
import pytest

from lmbench import ModelSpec, Split, TrainingText, build
from lmbench.arpa import SENTENCE_END, SENTENCE_START, UNKNOWN_WORD, write_arpa
from lmbench.backends.arpa_file import ArpaFile
from lmbench.errors import SpecError, UnavailableError
from lmbench.kneser_ney import Settings, estimate
from lmbench.lexicon import Lexicon, LexiconOptions
from lmbench.ngram_counts import open_lines
from tests.test_arpa_reader import SMALL
from tests.test_contract import ODD

NO_UNKNOWN = SMALL.replace("-1.0\t<unk>\n", "").replace("1=5", "1=4")


def opened(path, tokenizer="words"):
    model = ModelSpec("arpa", (("path", str(path)), ("tokenizer", tokenizer))).build(ArpaFile)
    model.load()
    return model


@pytest.fixture
def small(tmp_path):
    (tmp_path / "small.arpa").write_text(SMALL)
    return tmp_path / "small.arpa"


@pytest.fixture
def exported(tmp_path, english):
    """lmbench's own trigrams on disk, no word of the training split unknown."""
    lexicon = Lexicon.learn(english, LexiconOptions(min_count=1))
    model = estimate(open_lines(lexicon.lines(english.train.documents), len(lexicon)), len(lexicon), Settings(3))
    path = tmp_path / "exported.arpa"
    write_arpa(path, model.orders, [UNKNOWN_WORD, SENTENCE_END, *lexicon.types[2:], SENTENCE_START], model.kept)
    return path


def test_hand_computed_lines(small):
    """Back-offs where the file has no bigram; an unknown word pays <unk>, and each byte and the end of its spelling."""
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
    model = opened(path)
    [score] = model.score(["a z\n"])
    assert score.logprobs[1] - score.spelling[1] == pytest.approx((-0.2 - 100) * math.log(10))
    assert "unk:absent(1e-100)+letters-uniform" in str(model.signature())
    nexts = model.next_events("")
    assert nexts.logprobs[nexts.names.index("<unk>")] < -200


def test_arpas_own_words_and_white_space_are_unknown(small):
    for text in ("<s>", "</s>", "<unk>", "<UNK>", "\x0b", "a\0", "  ", "\t"):
        [score] = opened(small).score([text])
        assert (score.check(text).spelling < 0).all(), text


def test_the_kenlm_models_own_arpa_scores_as_the_kenlm_model(exported, english):
    kenlm = build(ModelSpec.parse("kenlm:order=3,min_count=1"))
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


def test_kenlms_own_expectations(reference):
    """lm/model_test.cc of kpu/kenlm."""
    expected = json.loads((reference / "arpa/kenlm-test.arpa.expected.json").read_text())
    model = opened(reference / "arpa/kenlm-test.arpa")
    rows = expected["bos_continuation"]
    [score] = model.score([" ".join(word for word, _, _ in rows[:-1]) + "\n"])
    log10s = (score.logprobs - score.spelling) / math.log(10)
    np.testing.assert_allclose(log10s, [log10 for _, _, log10 in rows], rtol=1e-5)
    scores = model.score([word for word, _, _ in expected["bos_starters"]])
    log10s = [float(score.logprobs[0] - score.spelling[0]) / math.log(10) for score in scores]
    assert log10s == pytest.approx([log10 for _, _, log10 in expected["bos_starters"]], rel=1e-5)


def test_sphinxbases_own_expectations(reference, tmp_path):
    """test_lm_score.c, whole numbers of log 1.0001, on its file without the preamble and with tabs."""
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


@pytest.mark.parametrize(("suffix", "compress"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_compressed_files(small, suffix, compress):
    path = small.with_suffix(f".arpa.{suffix}")
    path.write_bytes(compress(small.read_bytes()))
    try:
        packed = opened(path)
    except UnavailableError as error:
        pytest.skip(f"this build of KenLM reads no {suffix}: {error}")
    assert packed.score(["a b\n"])[0].logprobs.tolist() == opened(small).score(["a b\n"])[0].logprobs.tolist()
    assert packed.next_events("").names == ("<unk>", "\n", "a", "b")
    assert packed.footprint().parameters == 5 + 3 + 5


@pytest.mark.parametrize("kind", ["probing", "trie"])
def test_kenlms_binary(small, kind):
    if not shutil.which("build_binary"):
        pytest.skip("KenLM's build_binary is not on this machine")
    path = small.with_suffix(".bin")
    subprocess.run(["build_binary", kind, small, path], check=True, capture_output=True)
    text = "a b z\n\nb <s>\n"
    [binary], [read] = opened(path).score([text]), opened(small).score([text])
    assert binary.logprobs.tolist() == read.logprobs.tolist()
    assert opened(path).footprint().parameters is None
    with pytest.raises(NotImplementedError, match="its words, the next events, are not known"):
        opened(path).next_events("a")


def test_a_binary_that_kenlm_cannot_read_is_one_line(tmp_path):
    path = tmp_path / "x.bin"
    path.write_bytes(b"mmap lm http://kheafield.com/code format version 5\n\0")
    with pytest.raises(UnavailableError, match="looks like a binary file") as caught:
        opened(path)
    assert str(caught.value).startswith(f"KenLM cannot read '{path}': ")
    assert not re.search(r"\n|threw|\.cc:", str(caught.value))


def test_malformed_text_is_one_line(tmp_path):
    (tmp_path / "x.arpa").write_text(SMALL.replace("-0.4\ta", "0.4\ta"))
    with pytest.raises(UnavailableError, match=r"x.arpa', line 9: the log10 probability 0.4 is above 0$"):
        opened(tmp_path / "x.arpa")


UNIGRAMS = re.sub("ngram 2.*\n|\\\\2-grams:(?s:.*)(?=\\\\end)", "", SMALL)


def test_what_kenlm_does_not_read_for_no_fault_of_the_file(tmp_path):
    """A preamble, and unigrams alone: hand-computed, as test_hand_computed_lines is."""
    (tmp_path / "pre.arpa").write_text("made by hand\n\\1-grams:\n" + SMALL)
    (tmp_path / "small.arpa").write_text(SMALL)
    (tmp_path / "uni.arpa").write_text(UNIGRAMS)
    text = "a b\nb zé\n\na"
    [read], [kenlms] = (opened(tmp_path / name).score([text]) for name in ("pre.arpa", "small.arpa"))
    np.testing.assert_allclose(read.logprobs, kenlms.logprobs, atol=1e-6)
    unigrams = opened(tmp_path / "uni.arpa")
    [score] = unigrams.score(["a b\n"])
    assert score.logprobs.tolist() == pytest.approx(np.array([-0.4, -0.7, -0.6]) * math.log(10))
    model = opened(tmp_path / "pre.arpa")
    assert model.next_events("a").logprobs.tolist() == pytest.approx(
        opened(tmp_path / "small.arpa").next_events("a").logprobs.tolist(), abs=1e-6
    )
    assert model.footprint().parameters == 5 + 3 + 5
    assert "order:2|" in str(model.signature())


def test_orders_above_six(tmp_path):
    model = build(ModelSpec.parse("kenlm:order=8,min_count=1,tokenizer=words"))
    text = "a b c d e f g h i\n" * 4 + "a b d c e g f h i\n" * 2
    model.fit(TrainingText(Split((text,)), Split(()), tokenised=True))
    model.export(tmp_path / "x.arpa")
    [own], [read] = model.score([text]), opened(tmp_path / "x.arpa").score([text])
    np.testing.assert_allclose(own.logprobs, read.logprobs, atol=1e-5)


def test_what_lmbench_exports_of_raw_text_can_be_read_again(tmp_path):
    model = build(ModelSpec.parse("kenlm:order=3,min_count=1,tokenizer=pieces"))
    text = "It's 12 o'clock, <unk>  and\ta \\x20.\n" * 2
    model.fit(TrainingText(Split((text,)), Split(())))
    model.export(tmp_path / "x.arpa")
    path = (("path", str(tmp_path / "x.arpa")), ("tokenizer", "pieces"))
    escaped, plain = (build(ModelSpec("arpa", (*path, ("escaped", value)))) for value in ("true", "false"))
    [own], [read], [lost] = (scored.score([text]) for scored in (model, escaped, plain))
    np.testing.assert_allclose(own.logprobs, read.logprobs, atol=1e-5)
    assert (lost.spelling < 0).any()
    assert sorted(escaped.next_events("").names) == sorted(model.next_events("").names)


@pytest.mark.parametrize(("name", "line"), [("105", 18), ("106", None), ("107", 29)])
def test_sphinxbases_malformed_files(reference, name, line):
    with pytest.raises(UnavailableError, match=rf"sphinxbase-{name}\.lm\.gz', line {line or ''}"):
        opened(reference / f"arpa/sphinxbase-{name}.lm.gz")


def test_sphinxbases_expected_values(reference):
    """Its test_lm_score.c; logarithms to the base 1.0001, rounded to integers there."""
    expected = json.loads((reference / "arpa/sphinxbase-expected.json").read_text())
    model = opened(reference / "arpa/sphinxbase-100.lm.gz")
    [score] = model.score(["david huggins daines"])
    wanted = expected["scores"]["daines|huggins david (newest first, 3-gram)"]
    assert score.logprobs[2] / math.log(expected["log_base"]) == pytest.approx(wanted, abs=2)


@pytest.mark.parametrize("name", ["nothing.arpa", "."])
def test_no_file(tmp_path, name):
    with pytest.raises(UnavailableError, match=f"there is no file '{re.escape(str(tmp_path / name))}'$"):
        opened(tmp_path / name)


def test_words_that_are_not_utf8(tmp_path):
    path = tmp_path / "latin1.arpa"
    path.write_bytes(SMALL.replace("\tb\t", "\tbé\t").replace("a b", "a a").replace("b <", "a <").encode("latin-1"))
    with pytest.raises(UnavailableError, match=r"the words of '.*' are not UTF-8"):
        opened(path).next_events("")


def test_the_unknown_word_in_capitals_is_one_event(tmp_path):
    for name, text in (("small", SMALL), ("capitals", SMALL.replace("<unk>", "<UNK>"))):
        (tmp_path / f"{name}.arpa").write_text(text)
    small, capitals = (opened(tmp_path / f"{name}.arpa").next_events("a") for name in ("small", "capitals"))
    assert capitals.names == small.names
    np.testing.assert_allclose(capitals.logprobs, small.logprobs)


def test_the_signature_says_what_looked_n_grams_up(small, tmp_path):
    (tmp_path / "preamble.arpa").write_text(f"a preamble\n{SMALL}")
    assert "|kenlm:" in str(opened(small).signature())
    signature = str(opened(tmp_path / "preamble.arpa").signature())
    assert "|engine:arrays|" in signature
    assert "kenlm" not in signature


def test_options():
    with pytest.raises(SpecError, match="arpa: option path=: Field required"):
        ModelSpec.parse("arpa").build(ArpaFile)
    with pytest.raises(SpecError, match="arpa: option tokenizer=bpe: Input should be 'words', 'pieces' or 'bytes'"):
        ModelSpec.parse("arpa:x.arpa,tokenizer=bpe").build(ArpaFile)


def test_nothing_is_fitted(small):
    model = opened(small)
    [before] = model.score(["a b\n"])
    model.fit(TrainingText(Split(("b b b\n",)), Split(())))
    [after] = model.score(["a b\n"])
    assert before.logprobs.tolist() == after.logprobs.tolist()
