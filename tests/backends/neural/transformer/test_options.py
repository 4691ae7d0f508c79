"""Options: presets, durations, and combinations that are refused."""

import pytest

from lmbench.backends.neural.transformer.options import TransformerOptions
from lmbench.errors import SpecError
from lmbench.registry import build


def test_presets_supply_the_defaults():
    small = build("transformer:preset=small,budget=2m,layers=3").options
    assert (small.layers, small.width, small.budget, small.tokenizer) == (3, 192, 120, "auto")
    assert TransformerOptions() == TransformerOptions(preset="tiny")
    with pytest.raises(SpecError, match="preset=huge"):
        build("transformer:preset=huge")


def test_budgets_are_durations():
    budgets = {text: TransformerOptions(budget=text).budget for text in ("90", "90s", "1.5m", "1h", "1h30m")}
    assert budgets == {"90": 90, "90s": 90, "1.5m": 90, "1h": 3600, "1h30m": 5400}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (",steps=00", "nothing would end the training; set a budget or a number of steps"),
        (",width=30,heads=4", "width=30 is not divisible by heads=4"),
        (",stride=33", "a stride of 33 skips events"),
        (",stride=3,architecture=encoder-decoder", "an encoder-decoder reads segment by segment; leave out stride"),
        (",budget=soon", "budget"),
        (",budget=m", "option budget=m: Input should be a valid number"),
        (",budget=30m1h", "option budget=30m1h: Input should be a valid number"),
        (",budget=nan", "option budget=nan"),
        (",budget=inf", "option budget=inf: Input should be a finite number"),
        (",budget=-1s", "budget=-1s"),
    ],
)
def test_impossible_options_are_refused(options, message):
    spec = "transformer:context=32" + options
    with pytest.raises(SpecError, match=message):
        build(spec)
