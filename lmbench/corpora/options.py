"""Options of a corpus: how to read a user's text, and which documents to score."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lmbench.corpora.formats import TextFormat
from lmbench.spec import Options

SplitName = Literal["test", "valid", "all"]


class Selection(Options):
    """Which documents of a corpus are scored. Every corpus takes these options. None: not given.

    Attributes:
        split: The split to score, or "all": the whole text, so that nothing is left to fit a model on.
        limit: How many documents to score, the first ones.
        sample: How many documents to score instead, drawn at random from all of the text and from all lengths.
        draw: Which random sample that is; 1 by default.
    """

    split: SplitName | None = None
    limit: Annotated[int, Field(gt=0)] | None = None
    sample: Annotated[int, Field(gt=0)] | None = None
    draw: Annotated[int, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _check_choice(self) -> Self:
        if self.limit is not None and self.sample is not None:
            raise ValueError("limit= and sample= both choose documents; give one of them")
        if self.draw is not None and self.sample is None:
            raise ValueError("draw= chooses one of several samples; give sample= too")
        return self

    @classmethod
    def hint(cls, name: str, value: str) -> str:
        """Return why a corpus that has a name does not take the options of a user's text."""
        return "it is an option of your own text" if name in CorpusOptions.model_fields else ""


class CorpusOptions(Selection):
    """The options of a user's text. None: not given.

    Attributes:
        documents: What one document is; "auto" chooses by what the text looks like.
        encoding: One of Python's encodings; UTF-8 by default.
        field: The field of JSON, or the column of a table, that holds the text.
        format: The format of the files, which their names and contents tell otherwise.
        strip: Whether to strip the spaces at both ends of each line.
    """

    documents: Literal["auto", "line", "block", "article", "file"] | None = None
    encoding: str | None = None
    field: str | None = None
    format: Literal["text", "jsonl", "json", "conllu", "csv", "tsv"] | None = None
    strip: bool | None = None

    @classmethod
    def hint(cls, name: str, value: str) -> str:
        """Return nothing: a user's text takes all options."""
        return ""

    @property
    def text_format(self) -> TextFormat:
        """How to read the text."""
        return TextFormat(
            unit=None if self.documents == "auto" else self.documents,
            encoding=self.encoding or TextFormat().encoding,
            field=self.field,
            layout=self.format,
            strip=self.strip,
        )

    @property
    def given_for_text(self) -> list[str]:
        """The names of the options that are given and say how to read a text."""
        return [
            name
            for name in type(self).model_fields
            if name not in Selection.model_fields and getattr(self, name) is not None
        ]

    def updated(self, given: Selection) -> CorpusOptions:
        """Return these options, with those that are given for one corpus in their place."""
        chosen = {} if given.limit is given.sample is None else {"limit": None, "sample": None, "draw": None}
        return self.model_copy(update=chosen | given.model_dump(exclude_unset=True))


NO_OPTIONS = CorpusOptions()
"""Options that are not given are recognized by the text, or have their defaults."""
