"""A lexicon as Hugging Face's tokenizer.json, which gives a text the ids that lmbench gives it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmbench.ngrams.ids import LINE_END_ID, UNKNOWN_ID
from lmbench.text.lexicon import Lexicon
from lmbench.text.tokenizers import LINE_END, PRINTABLE, Bpe, Bytes, Pieces, Words

if TYPE_CHECKING:
    import tokenizers

UNKNOWN_TOKEN = "<unknown word>"  # as the other name, no type of any tokenizer: it has a space inside
_OTHER_BOS = "<|end of text|>"
_LINE_END_BYTE = PRINTABLE[ord(LINE_END)]
_START = "\ue000"  # stands before each word while ids become text; for private use, so hardly ever in one


class TokenizerFile:
    """What AutoTokenizer reads: each text's ids, after one BOS, whose id is the one above the lexicon's types.

    ``words``, ``pieces``, ``bytes`` and ``bpe:N`` are expressed; jieba's segmentation cannot be.
    """

    def __init__(self, lexicon: Lexicon, bos: str) -> None:
        self._lexicon = lexicon
        self._merges = _merges(lexicon.tokenizer.state()) if isinstance(lexicon.tokenizer, Bpe) else []
        self.bos = _OTHER_BOS if bos in lexicon.types[2:] else bos

    @property
    def is_expressible(self) -> bool:
        return isinstance(self._lexicon.tokenizer, Words | Pieces | Bytes)

    @property
    def without_row(self) -> list[str]:
        """BPE types that are unknown words of the lexicon, and that merges need all the same.

        Each needs an id of its own, and gets one above BOS, where the model has no row: rather no id than a wrong one.
        """
        needed = dict.fromkeys(kind for left, right in self._merges for kind in (left, right, left + right))
        known = set(self._lexicon.types[2:])
        return [kind for kind in needed if kind not in known]

    @property
    def explained(self) -> str:
        """Which id is what, in Markdown."""
        types, tokenizer = len(self._lexicon), self._lexicon.tokenizer.name
        ids = f"""| id | is |
|---|---|
| {UNKNOWN_ID} | any unknown word |
| {LINE_END_ID} | the line end |
| 2 to {types - 1} | the types that `lexicon.json` lists, in its order |
| {types} | `{self.bos}` |"""
        if not self.is_expressible:
            return f"{ids}\n\nThere is no tokenizer.json: it cannot express the tokenizer `{tokenizer}`."
        told = f"{ids}\n\n`AutoTokenizer` gives these ids, for the tokenizer `{tokenizer}`, after one `{self.bos}`."
        if without_row := self.without_row:
            told += f""" {len(without_row)} tokens that are unknown words, and that merges go through,
have ids above, where the model has no row: a text in which one is left over cannot be read by the model."""
        return told

    def save(self, folder: Path, context: int) -> None:
        """Write tokenizer.json and tokenizer_config.json for a model that reads `context` ids at once.

        The second alone, where the tokenizer cannot be expressed: AutoTokenizer would be an empty one without it, and
        fails so.
        """
        if self.is_expressible:
            self._tokenizer().save(str(folder / "tokenizer.json"))
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": self.bos,
            "eos_token": self.bos,
            "model_max_length": context,
            "clean_up_tokenization_spaces": False,
            "model_input_names": ["input_ids", "attention_mask"],  # GPT-2 would add up token_type_ids, too
        }
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")

    def _tokenizer(self) -> tokenizers.Tokenizer:
        from tokenizers import AddedToken
        from tokenizers.processors import TemplateProcessing

        tokenizer = self._bytes() if isinstance(self._lexicon.tokenizer, Bytes) else self._whole_types()
        tokenizer.add_special_tokens([AddedToken(self.bos, special=True, normalized=False)])
        bos = len(self._lexicon)
        tokenizer.post_processor = TemplateProcessing(
            single=[self.bos, "$A"], pair=[self.bos, "$A", "$B"], special_tokens=[(self.bos, bos)]
        )
        return tokenizer

    def _whole_types(self) -> tokenizers.Tokenizer:
        """Text is cut by a pattern, and each piece looked up."""
        from tokenizers import Tokenizer
        from tokenizers.models import WordLevel

        types = {kind: i for i, kind in enumerate(self._lexicon.types) if i != UNKNOWN_ID}
        tokenizer = Tokenizer(WordLevel({UNKNOWN_TOKEN: UNKNOWN_ID} | types, unk_token=UNKNOWN_TOKEN))
        cut = _cut_pieces if isinstance(self._lexicon.tokenizer, Pieces) else _cut_words
        tokenizer.pre_tokenizer, tokenizer.decoder = cut()
        return tokenizer

    def _bytes(self) -> tokenizers.Tokenizer:
        """Text is bytes in GPT-2's alphabet, with the line end among them."""
        from tokenizers import Tokenizer
        from tokenizers.decoders import ByteLevel as ByteLevelDecoder
        from tokenizers.models import BPE
        from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split

        types = self._lexicon.types
        ids = {kind: i for i, kind in enumerate((*types[2:], self.bos, *self.without_row), start=2)}
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


def _cut_pieces() -> tuple[Any, Any]:
    from tokenizers import Regex
    from tokenizers.decoders import Fuse
    from tokenizers.pre_tokenizers import Split

    return Split(Regex(Pieces.pattern.pattern), "isolated"), Fuse()


def _cut_words() -> tuple[Any, Any]:
    """White space as Python has it: the library's own \\s lacks four control characters."""
    from tokenizers import Regex, decoders
    from tokenizers.pre_tokenizers import Sequence, Split

    codes = "".join(f"\\x{{{code:x}}}" for code in range(0x3001) if chr(code).isspace())
    white, black = f"[{codes}]", f"[^{codes}]"
    cut = Sequence(
        [
            Split(Regex(f"(?<={black}) (?={black})"), "removed"),
            Split(LINE_END, "isolated"),
            Split(Regex(f"{white}+"), "isolated"),  # of a line that has no line end any more
        ]
    )
    spell = decoders.Sequence(
        [
            decoders.Replace(Regex(f"\\A(?={black})"), _START),
            decoders.Fuse(),
            decoders.Replace(Regex(f"(?<={white}){_START}|\\A{_START}"), ""),
            decoders.Replace(_START, " "),
        ]
    )
    return cut, spell
