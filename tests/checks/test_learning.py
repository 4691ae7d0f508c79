from dataclasses import replace

import numpy as np
import pytest

from lmbench import SILENT, Split, Traits, load_corpus
from lmbench.checks import CheckFailedError, NotApplicable, Subject, check_model, find_doubt
from lmbench.checks.learning import check_prior, check_test_split, check_valid
from lmbench.checks.texts import ENGLISH_TEXT
from tests.checks.outcomes import failed
from tests.mutants.base import Adaptive, Bigram, ByteNgram, Unigram, WordCache, WordNgram

CORRECT = (Bigram, Unigram, WordNgram, WordCache, Adaptive)


@pytest.mark.parametrize("model", CORRECT)
@pytest.mark.parametrize("check", [check_test_split, check_valid, check_prior])
def test_correct_models_pass(check, model):
    """All checks run on them with the seed 0 in test_suite.py."""
    check(Subject(model, seed=1))


def test_the_secrets_occur_only_in_the_validation_split():
    corpus, secrets = Subject(Bigram).corpus, Subject(Bigram).secrets
    others = " ".join((*corpus.train.documents, *corpus.valid.documents[: -len(secrets)], *corpus.test.documents))
    words = [word for document in secrets for word in document.split()]
    assert corpus.valid.documents[-len(secrets) :] == secrets
    assert len(words) == 3 * len(set(words)) == 8 * 6 * 3
    assert not set(words) & set(others.split())


class TrainsOnValidation(ByteNgram):
    def fit(self, data, progress=SILENT):
        super().fit(replace(data, train=Split((*data.train.documents, *data.valid.documents))))


class LearnsItsVocabularyFromValidation(Unigram):
    def fit(self, data, progress=SILENT):
        super().fit(replace(data, train=Split((*data.train.documents, *data.valid.documents))))
        self.logprobs = np.full(len(self.lexicon), -np.log(len(self.lexicon)))


class OnRawText(TrainsOnValidation):
    def fit(self, data, progress=SILENT):
        super().fit(replace(data, valid=Split(())) if data.tokenized else data)


@pytest.mark.parametrize("mutant", [TrainsOnValidation, LearnsItsVocabularyFromValidation, OnRawText])
def test_models_that_learn_from_the_validation_split_are_caught(mutant):
    with pytest.raises(CheckFailedError, match=r"the words of the validation split cost \d+ nats, but similar ones"):
        check_valid(Subject(mutant))


class KnowsEnglish(ByteNgram):
    """A model that also learns some English fables, whatever it is fitted on."""

    def fit(self, data, progress=SILENT):
        english = load_corpus("fables-en").train.documents[:12]
        super().fit(replace(data, train=Split((*data.train.documents, *(text.lower() for text in english)))))


@pytest.mark.usefixtures("shorter_line")
def test_a_model_that_knows_english_is_found_and_its_scores_are_still_probabilities():
    outcomes = check_model(KnowsEnglish)
    assert failed(outcomes) == ["prior"]
    assert find_doubt(outcomes) == ""
    [prior] = [outcome for outcome in outcomes if outcome.check == "prior"]
    assert prior.detail.startswith("English costs ")
    assert prior.detail.endswith("the model knows English before it is fitted; declare weights='partly pretrained'")


def test_declared_knowledge_is_not_examined():
    class Declared(KnowsEnglish):
        traits = Traits(weights="partly pretrained")

    with pytest.raises(NotApplicable, match="the model is partly pretrained"):
        check_prior(Subject(Declared))


def test_the_english_text_is_lower_case_letters():
    assert set(ENGLISH_TEXT) <= set("abcdefghijklmnopqrstuvwxyz \n")
    assert len(ENGLISH_TEXT.split()) >= 150
