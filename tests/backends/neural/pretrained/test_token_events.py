"""Names and spellings of the rows of a model's output."""

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from lmbench.backends.neural.pretrained.hub_tokenizer import HubTokenizer
from lmbench.backends.neural.pretrained.token_events import TokenEvents
from tests.backends.neural.pretrained.test_hub_tokenizer import fast_gpt2, llama, word_piece
from tests.checkpoints import BOS


def test_rows_without_a_token_are_named_by_their_number():
    tokenizer = HubTokenizer(fast_gpt2())
    size = len(tokenizer.names)
    events = TokenEvents.of_rows(size + 2, tokenizer, ends=[0])
    assert events.names[size:] == (f"<{size}>", f"<{size + 1}>")
    assert events.spellings[size:] == (None, None)
    assert (events.names[0], events.spellings[0]) == (BOS, b"")


def test_tokens_without_a_row_are_not_events():
    events = TokenEvents.of_rows(7, HubTokenizer(fast_gpt2()), ends=[])
    assert len(events.names) == len(events.spellings) == 7


def test_ends_that_the_model_does_not_have_are_ignored():
    events = TokenEvents.of_rows(7, HubTokenizer(fast_gpt2()), ends=[-1, 7, 50256])
    assert b"" not in events.spellings


def test_uncertain_spellings_are_left_out():
    words = Tokenizer(models.WordLevel({"the": 0, "cat": 1}, unk_token="the"))
    tokenizer = HubTokenizer(PreTrainedTokenizerFast(tokenizer_object=words))
    assert TokenEvents.of_rows(2, tokenizer, ends=[0]).spellings == ()


def test_wordpieces_begin_with_a_space_unless_they_continue_a_word_or_are_marks():
    events = TokenEvents.of_rows(6, HubTokenizer(word_piece()), ends=[])
    assert events.spellings == (None, b" the", b" cat", b"s", b" a", b".")
    assert events.find(b" cat") == [2]
    assert events.without_space().find(b"cat") == [2]


def test_the_first_events_of_a_text_lose_the_space_that_the_tokenizer_adds():
    tokenizer = HubTokenizer(llama())
    events = TokenEvents.of_rows(len(tokenizer.names), tokenizer, ends=[])
    first = events.without_space()
    the, space, letter = (tokenizer.names.index(name) for name in ("▁the", "▁", "a"))
    assert (events.names[the], events.spellings[the]) == (" the", b" the")
    assert (first.names[the], first.spellings[the]) == ("the", b"the")
    assert (first.names[space], first.spellings[space]) == (" ", None)
    assert first.spellings[letter] is None  # a first token always has the space
