"""The corpora ``fables-en`` and ``fables-zh``: the project's own parallel fables (corpora/fables/README.md)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from lmbench.corpora.embedded import embedded_folder
from lmbench.corpus import Corpus, Split

Language = Literal["en", "zh"]


class Telling(BaseModel):
    """A fable in one language, with a question and its four answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    text: str
    moral: str
    question: str
    answers: tuple[str, str, str, str]

    @property
    def document(self) -> str:
        """Title, text and moral, separated by empty lines."""
        return f"{self.title}\n\n{self.text.strip()}\n\n{self.moral}\n"


class Key(BaseModel):
    """The index of the right answer, from 0, which is the same in both languages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    answer: int = Field(ge=0, le=3)


class Fable(BaseModel):
    """A fable in both languages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    en: Telling
    zh: Telling
    key: Key


@cache
def read_fables() -> Mapping[int, Fable]:
    """Return all fables by number. They are read once: a corpus of each language and several tasks consist of them."""
    files = sorted((embedded_folder() / "fables").glob("[0-9]*.toml"))
    return {int(file.name[:3]): Fable.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))) for file in files}


def split_of(number: int) -> str:
    """Return the split of a fable, in both languages: 5, 10, 15, … test; 3, 13, 23, … valid; all others train."""
    if number % 5 == 0:
        return "test"
    return "valid" if number % 10 == 3 else "train"


def load_fables(language: Language) -> Corpus:
    """Return the corpus of the fables in one language, one document a fable."""
    splits: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    for number, fable in read_fables().items():
        splits[split_of(number)].append((fable.en if language == "en" else fable.zh).document)
    name = {"en": "English", "zh": "Chinese"}[language]
    return Corpus(
        f"fables-{language}",
        Split(tuple(splits["train"])),
        Split(tuple(splits["valid"])),
        Split(tuple(splits["test"])),
        provenance="fables,split=by-number",
        spaced=language != "zh",
        description=f"the project's own fables in {name}, the same in English and Chinese",
    )
