"""tokenizer.json: read by Hugging Face's libraries, it gives every text the ids that lmbench gives it."""

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from lmbench import Lexicon, LexiconOptions, Split, TrainingText, load_corpus
from lmbench.backends.neural.transformer.tokenizer_file import UNKNOWN_TOKEN, TokenizerFile
from lmbench.checks import EDGE_TEXTS

KINDS = ("words", "pieces", "bytes", "bpe:300")
BOS = "<|endoftext|>"
TRAIN = (
    "the cat sat on the mat.\n  the  cat \t sat\n<unk> the <unk> cat\n",
    "我是一个程序员\u3000他是一只猫，我是一只狗\n",
    "caf\u00e9 caf\u00e9 \U0001f408 \U0001f408 1234 1234 ... ...\n",
)
ODD = (*EDGE_TEXTS.values(), " ", " x", "x ", "\n\n x  y\t\n", f"{BOS} {UNKNOWN_TOKEN} <unk>")
CHARACTERS = "abthecsmn. .  \t\n\r\x1c\x85\xa0\u2028\u3000\ufeff\ue000\u0301我是猫，é1٣²<>|\U0001f408\u200d\x00\x1f"
WORDS = ("the", " the", " cat", "cat", "sat\n", " ", " ", "  ", "...", " 1234", "caf\u00e9", "我是")
TEXTS = st.lists(st.sampled_from(WORDS)).map("".join) | st.lists(st.sampled_from([*WORDS, *CHARACTERS])).map("".join)


def learned(tokenizer, train=TRAIN, min_count=2):
    options = LexiconOptions(tokenizer=tokenizer, min_count=min_count)
    return Lexicon.learn(TrainingText(Split(train), Split(())), options)


def written(lexicon, folder):
    TokenizerFile(lexicon, BOS).save(folder, 99)
    return tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))


def rows(lexicon, ids):
    """Replace the ids of tokens without a row in the model by that of the unknown word."""
    return [0 if i > len(lexicon) else i for i in ids]


@pytest.mark.parametrize("kind", KINDS)
def test_every_text_has_the_ids_that_lmbench_gives_it(kind, tmp_path):
    lexicon = learned(kind)
    tokenizer = written(lexicon, tmp_path)
    tokenizer.encode_special_tokens = True  # a text may contain the name of BOS

    @settings(deadline=None, max_examples=200)
    @given(TEXTS)
    def check(text):
        ids, read = lexicon.encode(text).ids.tolist(), tokenizer.encode(text).ids
        assert rows(lexicon, read) == [len(lexicon), *ids]
        if 0 not in read:
            assert tokenizer.decode(read) == text

    check()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("corpus", ["fables-en", "fables-zh"])
def test_auto_tokenizer_reads_a_corpus_as_lmbench_does(kind, corpus, tmp_path):
    data = load_corpus(corpus)
    lexicon = learned(kind, data.train.documents[:60])
    file = TokenizerFile(lexicon, BOS)
    file.save(tmp_path, 2**20)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    read = 0
    for document in (*data.test.documents, *ODD):
        encoded = tokenizer(document, split_special_tokens=True)  # a text may contain the name of BOS
        ours = lexicon.encode(document).ids.tolist()
        assert rows(lexicon, encoded["input_ids"]) == [len(lexicon), *ours]
        assert set(encoded) == {"input_ids", "attention_mask"}
        read += len(ours)
    assert read > 500
    assert tokenizer.convert_ids_to_tokens([0, len(lexicon)]) == [UNKNOWN_TOKEN, BOS]
    assert (tokenizer.bos_token_id, len(tokenizer)) == (len(lexicon), len(lexicon) + 1 + len(file.intermediate_tokens))


def test_intermediate_tokens_of_merges_get_ids_above_bos(tmp_path):
    """BPE merges 'abab' by way of 'ab', which no text is split into: an unknown word."""
    lexicon = learned("bpe:258", ("abab abab\n" * 3,))
    file, tokenizer = TokenizerFile(lexicon, BOS), written(lexicon, tmp_path)
    assert file.intermediate_tokens
    assert not set(file.intermediate_tokens) & set(lexicon.types)
    for kind in file.intermediate_tokens:
        assert tokenizer.token_to_id(kind) > len(lexicon)
        assert kind in lexicon.tokenizer.state()
    assert f"{len(file.intermediate_tokens)} tokens that are unknown words" in file.explanation


def test_texts_may_contain_the_names_of_special_tokens(tmp_path):
    lexicon = learned("words", (f"{BOS} a {BOS} <unk> <unk> a\n",))
    assert {BOS, "<unk>"} <= set(lexicon.types[2:])
    file, tokenizer = TokenizerFile(lexicon, BOS), written(lexicon, tmp_path)
    assert file.bos != BOS
    assert f"| {len(lexicon)} | `{file.bos}` |" in file.explanation
    text = f"{BOS} a b <unk>\n"
    assert tokenizer.encode(text).ids == [len(lexicon), *lexicon.encode(text).ids.tolist()]


def test_jieba_cannot_be_expressed(tmp_path):
    pytest.importorskip("jieba")
    file = TokenizerFile(learned("jieba"), BOS)
    assert not file.is_expressible
    assert "There is no tokenizer.json: it cannot express the tokenizer `jieba`" in file.explanation
    file.save(tmp_path, 99)
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer_config.json"]
    with pytest.raises(ValueError, match="Couldn't instantiate"):  # rather than an empty tokenizer
        AutoTokenizer.from_pretrained(tmp_path)
