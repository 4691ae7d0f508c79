"""Options: presets, durations, and combinations that are refused."""

import pytest

from lmbench.backends.neural.transformer.options import TransformerOptions
from lmbench.errors import SpecError
from lmbench.registry import build

PRESETS = ("tiny", "small", "base")


def test_presets_supply_the_defaults():
    small = build("transformer:preset=small,budget=2m,layers=3").options
    assert (small.layers, small.width, small.budget, small.tokenizer) == (3, 192, 120, "auto")
    assert TransformerOptions() == TransformerOptions(preset="tiny")
    with pytest.raises(SpecError, match="preset=huge"):
        build("transformer:preset=huge")


def test_the_rate_follows_the_preset_and_the_optimizer():
    def rate(**options):
        return TransformerOptions(**options).learning_rate

    for preset, muon in (("tiny", 1.2e-2), ("small", 8e-3)):
        assert (rate(preset=preset), rate(preset=preset, optimizer="adamw")) == (muon, 4e-3)
        assert rate(preset=preset, optimizer="adamw", learning_rate=0.5) == 0.5
    assert TransformerOptions(preset="base").optimizer == "adamw"
    assert (
        rate(preset="base") == rate(preset="base", optimizer="adamw") == rate(preset="base", optimizer="muon") == 1e-3
    )


def test_the_size_of_the_text_sets_the_number_of_steps():
    sizes = (0, 84_455, 313_664, 10_797_148, 10**9)
    steps = {preset: [TransformerOptions(preset=preset).count_steps(size) for size in sizes] for preset in PRESETS}
    assert steps["tiny"] == [100, 145, 280, 400, 400]  # fables-en, pydocs and WikiText-2
    assert steps["small"] == [100, 436, 840, 4929, 5000]
    assert steps["base"] == [100, 436, 840, 4929, 47434]


@pytest.mark.parametrize(
    ("options", "steps"), [({"steps": 3}, 3), ({"steps": 3, "budget": "9s"}, 3), ({"budget": "9s"}, 0), ({}, 400)]
)
def test_given_limits_replace_the_size_of_the_text(options, steps):
    assert TransformerOptions(**options).count_steps(10**6) == steps


def test_the_folder_of_the_checkpoint_is_no_part_of_the_identity():
    first = TransformerOptions().identity()
    assert TransformerOptions(checkpoint="some/folder").identity() == first
    assert TransformerOptions(threads=2).identity() != first


def test_only_segments_that_are_pairs_are_a_part_of_the_identity():
    fixed = TransformerOptions(architecture="encoder-decoder").identity()
    assert "segments" not in fixed
    pairs = TransformerOptions(architecture="encoder-decoder", segments="pairs").identity()
    assert pairs == fixed | {"segments": "pairs"}


def test_budgets_are_durations():
    budgets = {text: TransformerOptions(budget=text).budget for text in ("90", "90s", "1.5m", "1h", "1h30m")}
    assert budgets == {"90": 90, "90s": 90, "1.5m": 90, "1h": 3600, "1h30m": 5400}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (",width=30,heads=4", "width=30 is not divisible by heads=4"),
        (",stride=33", "a stride of 33 skips events"),
        (",stride=3,architecture=encoder-decoder", "an encoder-decoder reads segment by segment; leave out stride"),
        (",history=33", "a history of 33 is more than the context of 32"),
        (",history=0", "history=0: Input should be greater than or equal to 1"),
        (",history=3,architecture=encoder-decoder", "an encoder-decoder reads segment by segment; leave out history"),
        (",budget=soon", "budget"),
        (",budget=m", "option budget=m: Input should be a valid number"),
        (",budget=30m1h", "option budget=30m1h: Input should be a valid number"),
        (",budget=nan", "option budget=nan"),
        (",budget=inf", "option budget=inf: Input should be a finite number"),
        (",budget=-1s", "budget=-1s"),
        (",threads=0", "threads=0"),
    ],
)
def test_impossible_options_are_refused(options, message):
    spec = "transformer:context=32" + options
    with pytest.raises(SpecError, match=message):
        build(spec)
