import shlex

import pytest

from lmbench.errors import SpecError
from lmbench.model import ModelSpec
from lmbench.runs.sweeps import expand_spec, write_spec


def expand(text):
    return [write_spec(model.spec, model.label) for model in expand_spec(ModelSpec.parse(text))]


@pytest.mark.parametrize(
    ("text", "models"),
    [
        ("uniform", ["uniform"]),
        ("kenlm:order=3", ["kenlm:order=3"]),
        ("kenlm:order=2..5", ["kenlm:order=2", "kenlm:order=3", "kenlm:order=4", "kenlm:order=5"]),
        ("kenlm:order=4..4", ["kenlm:order=4"]),
        ("x:shift=-1..1", ["x:shift=-1", "x:shift=0", "x:shift=1"]),
        ("ngram:smoothing=a,smoothing=b", ["ngram:smoothing=a", "ngram:smoothing=b"]),
        ("kenlm:order=2..3,order=3,order=7", ["kenlm:order=2", "kenlm:order=3", "kenlm:order=7"]),
        ("x:a=1..2,b=u,b=v", ["x:a=1,b=u", "x:a=1,b=v", "x:a=2,b=u", "x:a=2,b=v"]),
        ("x:b=u,a=1..2,b=v", ["x:b=u,a=1", "x:b=u,a=2", "x:b=v,a=1", "x:b=v,a=2"]),
        ("hf:one/path,dtype=auto", ["hf:one/path,dtype=auto"]),
        ("mix:kenlm:order=5;min_count=1+cache", ["mix:kenlm:order=5;min_count=1+cache"]),
        ("arpa:../model..arpa", ["arpa:../model..arpa"]),
        ("x:rate=0.1..0.5", ["x:rate=0.1..0.5"]),
    ],
)
def test_a_spec_is_expanded_to_the_product_of_its_values(text, models):
    assert expand(text) == models
    assert shlex.split(text.replace(";", "")) == [text.replace(";", "")]  # nothing in a sweep is special to a shell


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("kenlm:label=KN 5", ["KN 5"]),
        ("kenlm:order=2..3,label=KN", ["KN order=2", "KN order=3"]),
        ("x:label=L,a=1..2,b=u,c=v,c=w", ["L a=1 c=v", "L a=1 c=w", "L a=2 c=v", "L a=2 c=w"]),
        ("hf:one,two,label=L", ["L one", "L two"]),
        ("kenlm:order=2..3", ["", ""]),
    ],
)
def test_a_label_is_not_an_option_and_names_what_differs(text, labels):
    expanded = expand_spec(ModelSpec.parse(text))
    assert [model.label for model in expanded] == labels
    assert all("label" not in dict(model.spec.arguments) for model in expanded)


def test_a_written_spec_is_read_as_the_same_model():
    for model in expand_spec(ModelSpec.parse("kenlm:order=2..3,label=KN 5")):
        assert expand_spec(ModelSpec.parse(write_spec(model.spec, model.label))) == (model,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kenlm:order=5..2", "the range 5..2 in 'kenlm:order=5..2' is empty; write the smaller number first"),
        ("kenlm:order=1..1001", "has 1,001 values; a sweep may have 1,000"),
        ("kenlm:order=1..999999999999999999", "999,999,999,999,999,999 values"),
        ("x:a=1..40,b=1..40", "names 1,600 models; a sweep may have 1,000"),
        ("kenlm:label=", "the label of 'kenlm:label=' is empty"),
        ("kenlm:label=a,label=b", "option 'label' is given twice"),
    ],
)
def test_mistakes_are_refused(text, message):
    with pytest.raises(SpecError, match=message):
        expand(text)
