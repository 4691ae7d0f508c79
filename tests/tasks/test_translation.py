"""Translation, against sacrebleu's own functions."""

import pytest
import sacrebleu

from lmbench.tasks.task import Completion, Continuation, Item
from lmbench.tasks.translation import Translation
from tests.tasks.answers import answer, bytes_alike

ITEMS = (
    Item("1", "猫坐着 =>", ("The cat sits.", "A dog."), 0, ("The cat sits.",)),
    Item("2", "狗在河边跑 =>", references=("The dog runs by the river.", "A dog runs along the river.")),
)
TASK = Translation("pairs", ITEMS, language="en")
TEXTS = ("The cat sat.", "The dog runs along the river.")
METRICS = {metric.name: metric for metric in Translation.metrics}


def test_a_translation_ends_with_its_line():
    assert TASK.requests(ITEMS[0])[0] == Continuation("猫坐着 =>", " The cat sits.\n")
    assert TASK.requests(ITEMS[1]) == (Completion("狗在河边跑 =>", ("\n",), 27 + 16),)


def test_one_text_is_measured_as_sacrebleu_measures_it():
    measured = TASK.measure(ITEMS[1], answer(TASK, ITEMS[1], bytes_alike, f" {TEXTS[1]} "))
    references = list(ITEMS[1].references)
    assert measured["chrf"] == sacrebleu.sentence_chrf(TEXTS[1], references).score > 80
    assert measured["bleu"] == sacrebleu.sentence_bleu(TEXTS[1], references).score
    assert measured["exact"] == 0
    assert measured["accuracy"] is None
    assert TASK.measure(ITEMS[1], answer(TASK, ITEMS[1], bytes_alike, references[1]))["exact"] == 1


def test_a_model_that_cannot_write_still_chooses():
    measured = TASK.measure(ITEMS[0], answer(TASK, ITEMS[0], bytes_alike))
    assert measured["accuracy"] == 0
    assert [measured[name] for name in ("chrf", "bleu", "exact")] == [None] * 3


def test_all_texts_are_measured_as_sacrebleu_measures_them():
    answers = list(zip(ITEMS, TEXTS, strict=True))
    streams = [["The cat sits.", "The dog runs by the river."], [None, "A dog runs along the river."]]
    assert TASK.measure_corpus(METRICS["bleu"], answers) == sacrebleu.corpus_bleu(TEXTS, streams).score > 0
    assert TASK.measure_corpus(METRICS["chrf"], answers) == sacrebleu.corpus_chrf(TEXTS, streams).score > 0


def test_chinese_is_cut_into_characters():
    """Without a tokenizer for Chinese, BLEU compares whole sentences and finds nothing."""
    items = (Item("1", "The cat sits by the river =>", references=("猫坐在河边上",)),)
    task = Translation("pairs", items, language="zh")
    bleu = task.measure_corpus(METRICS["bleu"], [(items[0], "狗坐在河边上")])
    assert bleu == pytest.approx(sacrebleu.corpus_bleu(["狗坐在河边上"], [["猫坐在河边上"]], tokenize="zh").score)
    assert bleu > 70 > 1 > sacrebleu.corpus_bleu(["狗坐在河边上"], [["猫坐在河边上"]]).score


def test_the_signature_has_those_of_sacrebleu():
    parts = dict(Translation("pairs", ITEMS[:1], language="zh").signature().parts)
    assert parts["bleu"] == f"nrefs:1,case:mixed,eff:no,tok:zh,smooth:exp,version:{sacrebleu.__version__}"
    assert parts["chrf"] == f"nrefs:1,case:mixed,eff:yes,nc:6,nw:0,space:no,version:{sacrebleu.__version__}"
    assert parts["ending"] == r"\n"
