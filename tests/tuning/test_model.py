"""A tuned model does what the chosen one does."""

from dataclasses import replace

import numpy as np
import pytest

from lmbench import Exportable, Saveable, build
from lmbench.backends.hmm.model import Hmm
from lmbench.backends.ngrams.kenlm import KenlmNgram
from lmbench.checks import check_spec, find_doubt
from lmbench.errors import SpecError
from lmbench.model import ModelSpec, Traits, plain_remarks
from lmbench.registry import resolve
from tests.tuning.toys import TEXTS, fit


def test_the_model_does_what_the_chosen_one_does(english):
    tuned, chosen = fit("kenlm:order=auto", english), fit("kenlm:order=4", english)
    assert tuned.remarks() == ("order=4 tuned on valid",)
    assert tuned.score_continuation("the c", "at") == chosen.score_continuation("the c", "at")
    np.testing.assert_array_equal(tuned.next_events("the").logprobs, chosen.next_events("the").logprobs)
    assert tuned.state_after("the").prefix_logprob(b" c") == chosen.state_after("the").prefix_logprob(b" c")
    assert tuned.footprint() == chosen.footprint()
    assert tuned.score_tolerance == chosen.score_tolerance
    assert type(tuned.chosen) is KenlmNgram


def test_the_chosen_model_is_exported(english, tmp_path):
    for name, spec in (("tuned.arpa", "kenlm:order=auto"), ("chosen.arpa", "kenlm:order=4")):
        model = fit(spec, english)
        assert isinstance(model, Exportable)
        model.check_exportable()
        model.export(tmp_path / name)
    assert (tmp_path / "tuned.arpa").read_bytes() == (tmp_path / "chosen.arpa").read_bytes()
    assert not isinstance(build("ppm:order=auto"), Exportable)


def test_a_candidate_that_cannot_be_exported_is_refused_before_a_search(toy, english, tmp_path):
    with pytest.raises(SpecError, match="odd shapes do not have a format"):
        build("exports:shape=auto").check_exportable()
    model = fit("exports:cost=auto", english)
    model.check_exportable()
    model.export(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "7"
    assert not isinstance(model, Saveable)


@pytest.mark.parametrize("spec", ["kenlm:order=auto", "mix:kenlm:order=auto+cache", "mix:models=auto"])
def test_a_restored_model_is_the_same_without_a_search(english, tmp_path, monkeypatch, spec):
    saved = fit(spec, english)
    saved.save(tmp_path)
    monkeypatch.setattr(KenlmNgram, "fit", None)
    restored = build(spec)
    restored.restore(tmp_path)
    for mine, others in zip(restored.score(TEXTS), saved.score(TEXTS), strict=True):
        np.testing.assert_array_equal(mine.logprobs, others.logprobs)
    assert restored.signature() == saved.signature()
    assert restored.exhibits() == saved.exhibits()
    assert restored.remarks() == saved.remarks()


def test_a_search_restores_only_its_own_candidates(english, tmp_path, monkeypatch):
    fit("kenlm:order=auto", english).save(tmp_path)
    for spec in ("kenlm:order=auto,min_count=1", "ngram:order=auto", "kenlm:order=2"):
        with pytest.raises(SpecError, match="holds"):
            build(spec).restore(tmp_path)
    monkeypatch.setattr(KenlmNgram, "traits", replace(KenlmNgram.traits, grid=(("order", ("2", "3")),)))
    with pytest.raises(SpecError, match="holds"):
        build("kenlm:order=auto").restore(tmp_path)


def test_a_model_that_cannot_be_saved_is_tuned_all_the_same(toy, english):
    assert not isinstance(build("toy:cost=auto"), Saveable)
    assert isinstance(build("kenlm:order=auto"), Saveable)


def test_the_traits_suffice_for_all_candidates(toy, monkeypatch):
    assert build("hmm:states=auto").traits.threads == build("hmm:states=128").traits.threads
    assert resolve("hmm:states=auto").traits.libraries == Hmm.traits.libraries
    assert build("hmm:states=auto").traits.gpu == Hmm.traits.gpu is True
    assert build("toy:cost=auto").traits.libraries == ("json",)
    monkeypatch.setattr(resolve("toy").model, "traits", Traits(weights="pretrained", grid=(("cost", ("3",)),)))
    assert build("toy:cost=auto").traits.weights == "partly pretrained"  # a search needs a text


def test_a_long_choice_is_named_by_its_options(toy, english, monkeypatch):
    long = "7".zfill(60)
    monkeypatch.setattr(resolve("toy").model, "traits", Traits(grid=(("cost", (long,)),)))
    assert plain_remarks(fit("toy:cost=auto", english).remarks()) == ("cost=auto on valid",)


def test_a_tuned_model_passes_the_conformance_suite():
    assert find_doubt(check_spec(ModelSpec.parse("kenlm:order=auto"))) == ""
