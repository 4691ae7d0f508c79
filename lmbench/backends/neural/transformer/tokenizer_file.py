"""A lexicon as Hugging Face's tokenizer.json, which gives every text the ids that lmbench gives it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmbench.corpus import WORD_SEPARATORS
from lmbench.ngrams.ids import LINE_END_ID, UNKNOWN_ID
from lmbench.text.lexicon import Lexicon
from lmbench.text.tokenizers import LINE_END, PRINTABLE, Bpe, Bytes, Pieces, Words

if TYPE_CHECKING:
    import tokenizers

UNKNOWN_TOKEN = "<unknown word>"  # not a type of any tokenizer: it contains a space between letters
_OTHER_BOS = "<|end of text|>"  # likewise
_LINE_END_BYTE = PRINTABLE[ord(LINE_END)]
_WORD_START = "\ue000"  # marks the start of each word in decoding; for private use, so texts hardly ever contain it


class TokenizerFile:
    """The files that AutoTokenizer reads. They give a text's ids after one BOS, whose id is above the lexicon's types.

    ``words``, ``pieces``, ``bytes`` and ``bpe:N`` can be expressed. The segmentation of jieba cannot.

    Args:
        lexicon: The types.
        bos: The name of BOS. If it is a type of the lexicon, another name replaces it.
    """

    def __init__(self, lexicon: Lexicon, bos: str) -> None:
        self._lexicon = lexicon
        self._merges = _merges(lexicon.tokenizer.state()) if isinstance(lexicon.tokenizer, Bpe) else []
        self.bos = _OTHER_BOS if bos in lexicon.types[2:] else bos

    @property
    def is_expressible(self) -> bool:
        """Whether tokenizer.json can express the lexicon's tokenizer."""
        return isinstance(self._lexicon.tokenizer, Words | Pieces | Bytes)

    @property
    def intermediate_tokens(self) -> list[str]:
        """BPE tokens that are unknown words of the lexicon but that merges need.

        Each gets an id above BOS, for which the model does not have a row: failing is better than a wrong id.
        """
        needed = dict.fromkeys(token for left, right in self._merges for token in (left, right, left + right))
        known = set(self._lexicon.types[2:])
        return [token for token in needed if token not in known]

    @property
    def explanation(self) -> str:
        """The meaning of each id, in Markdown."""
        types, tokenizer = len(self._lexicon), self._lexicon.tokenizer.name
        table = f"""| id | meaning |
|---|---|
| {UNKNOWN_ID} | any unknown word |
| {LINE_END_ID} | the line end |
| 2 to {types - 1} | the types in `lexicon.json`, in order |
| {types} | `{self.bos}` |"""
        if not self.is_expressible:
            return f"{table}\n\nThere is no tokenizer.json: it cannot express the tokenizer `{tokenizer}`."
        usage = f"`AutoTokenizer` returns these ids, for the tokenizer `{tokenizer}`, after one `{self.bos}`."
        if count := len(self.intermediate_tokens):
            usage += f""" {count} tokens that are unknown words are steps of merges.
Their ids are above, and the model does not have rows for them: it cannot read a text that ends up with one."""
        return f"{table}\n\n{usage}"

    def save(self, folder: Path, context: int) -> None:
        """Write tokenizer.json and tokenizer_config.json for a model that reads `context` ids at once.

        Without tokenizer_config.json, AutoTokenizer would return an empty tokenizer if tokenizer.json is missing. With
        it, AutoTokenizer fails.
        """
        if self.is_expressible:
            self._tokenizer().save(str(folder / "tokenizer.json"))
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": self.bos,
            "eos_token": self.bos,
            "model_max_length": context,
            "clean_up_tokenization_spaces": False,
            "model_input_names": ["input_ids", "attention_mask"],  # GPT-2 would add embeddings of token_type_ids
        }
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")

    def _tokenizer(self) -> tokenizers.Tokenizer:
        from tokenizers import AddedToken
        from tokenizers.processors import TemplateProcessing

        tokenizer = self._byte_level() if isinstance(self._lexicon.tokenizer, Bytes) else self._word_level()
        tokenizer.add_special_tokens([AddedToken(self.bos, special=True, normalized=False)])
        bos = len(self._lexicon)
        tokenizer.post_processor = TemplateProcessing(
            single=[self.bos, "$A"], pair=[self.bos, "$A", "$B"], special_tokens=[(self.bos, bos)]
        )
        return tokenizer

    def _word_level(self) -> tokenizers.Tokenizer:
        """Return a tokenizer that splits a text by a pattern and looks each part up."""
        from tokenizers import Tokenizer
        from tokenizers.models import WordLevel

        ids = {token: i for i, token in enumerate(self._lexicon.types) if i != UNKNOWN_ID}
        tokenizer = Tokenizer(WordLevel({UNKNOWN_TOKEN: UNKNOWN_ID} | ids, unk_token=UNKNOWN_TOKEN))
        split = _split_pieces if isinstance(self._lexicon.tokenizer, Pieces) else _split_words
        tokenizer.pre_tokenizer, tokenizer.decoder = split()
        return tokenizer

    def _byte_level(self) -> tokenizers.Tokenizer:
        """Return a tokenizer of the bytes in GPT-2's alphabet, the line end included."""
        from tokenizers import Tokenizer
        from tokenizers.decoders import ByteLevel as ByteLevelDecoder
        from tokenizers.models import BPE
        from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split

        types = self._lexicon.types
        ids = {token: i for i, token in enumerate((*types[2:], self.bos, *self.intermediate_tokens), start=2)}
        ids |= {UNKNOWN_TOKEN: UNKNOWN_ID, _LINE_END_BYTE: LINE_END_ID}
        tokenizer = Tokenizer(BPE(ids, self._merges, unk_token=UNKNOWN_TOKEN))
        by_words = isinstance(self._lexicon.tokenizer, Bpe)
        tokenizer.pre_tokenizer = Sequence(
            [Split(LINE_END, "isolated"), ByteLevel(add_prefix_space=False, use_regex=by_words)]
        )
        tokenizer.decoder = ByteLevelDecoder()
        return tokenizer


def _merges(state: str) -> list[tuple[str, str]]:
    merges: list[Any] = json.loads(state)["model"]["merges"]
    return [tuple(pair.split(" ") if isinstance(pair, str) else pair) for pair in merges]


def _split_pieces() -> tuple[Any, Any]:
    """Return the pre-tokenizer and the decoder for ``pieces``."""
    from tokenizers import Regex
    from tokenizers.decoders import Fuse
    from tokenizers.pre_tokenizers import Split

    return Split(Regex(Pieces.pattern.pattern), "isolated"), Fuse()


def _split_words() -> tuple[Any, Any]:
    """Return the pre-tokenizer and the decoder for ``words``."""
    from tokenizers import Regex, decoders
    from tokenizers.pre_tokenizers import Sequence, Split

    codes = "".join(f"\\x{{{ord(separator):x}}}" for separator in WORD_SEPARATORS)
    white, black = f"[{codes}]", f"[^{codes}]"
    pre_tokenizer = Sequence(
        [
            Split(Regex(f"(?<={black}) (?={black})"), "removed"),
            Split(LINE_END, "isolated"),
            Split(Regex(f"{white}+"), "isolated"),  # the line ends are split off already
        ]
    )
    decoder = decoders.Sequence(
        [
            decoders.Replace(Regex(f"\\A(?={black})"), _WORD_START),
            decoders.Fuse(),
            decoders.Replace(Regex(f"(?<={white}){_WORD_START}|\\A{_WORD_START}"), ""),
            decoders.Replace(_WORD_START, " "),
        ]
    )
    return pre_tokenizer, decoder
