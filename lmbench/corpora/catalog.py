"""From a corpus's name to its verified bytes: embedded corpora, the catalog's public ones, and what users have."""

from __future__ import annotations

import hashlib
import os
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import IO, Annotated, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from lmbench.corpora import on_disk as stored
from lmbench.corpora.conllu import sentences, tagged_split, text_split
from lmbench.corpora.download import cached, download, sha256_of
from lmbench.corpora.embedded import embedded_folder
from lmbench.corpora.encoding import decode
from lmbench.corpora.fables import fables
from lmbench.corpora.files import LINES, TextFormat, json_records, read_path, read_standard_input, records
from lmbench.corpora.hub import PREFIX, read_dataset
from lmbench.corpora.pydocs import pydocs
from lmbench.corpora.splitting import cut, documents, strip_lines
from lmbench.corpora.synthetic.registry import SOURCES, is_source, source_corpus
from lmbench.corpus import Corpus, Split
from lmbench.errors import CorpusError, LmbenchError, UnavailableError, UnknownNameError
from lmbench.progress import SILENT, Progress
from lmbench.spec import split_list

MIRROR = "LMBENCH_MIRROR"
EMBEDDED: dict[str, Callable[[], Corpus]] = {
    "pydocs": pydocs,
    "fables-en": partial(fables, "en"),
    "fables-zh": partial(fables, "zh"),
    **{name: partial(source_corpus, name) for name in SOURCES},
}

_SPLITS: tuple[Literal["train", "valid", "test"], ...] = ("train", "valid", "test")


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CatalogFile(_Record):
    """One file as it is downloaded.

    path   its place in a mirror
    urls   its addresses, the first that answers is taken; empty where the entry's base and the file's name are it
    bytes  its size; None where it is not known
    """

    path: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    urls: tuple[str, ...] = ()
    bytes: int | None = None


class Cut(_Record):
    """How one text is divided into training, validation and test splits; see corpora/catalog.toml."""

    by: Literal["documents", "turns", "bytes"]
    sizes: tuple[int, int, int]


class Published(_Record):
    """A figure from the literature: what it measures, on which split, by which convention, and who says so."""

    model: str
    value: float
    measure: str
    split: Literal["valid", "test"] = "test"
    convention: str
    source: str


class CatalogEntry(_Record):
    """A public corpus: where its files are, and how they are read (see corpora/catalog.toml)."""

    description: str
    language: str
    license: str
    citation: str
    holds: Literal["text", "minimal pairs", "multiple choice", "tokenizer"] = "text"
    base: str = ""
    files: tuple[CatalogFile, ...]
    splits: dict[Literal["train", "valid", "test", "all"], tuple[str, ...]] = {}
    cut: Cut | None = None
    format: Literal["text", "jsonl", "json", "conllu", "conllu-text"] = "text"
    field: tuple[str, ...] = ()
    unit: str = "line"
    strip: bool = False
    tokenized: bool = False
    spaced: bool = True
    published: tuple[Published, ...] = ()

    @property
    def bytes(self) -> int | None:
        """Of all files; None where one's is not known."""
        sizes = [file.bytes for file in self.files]
        return None if None in sizes else sum(filter(None, sizes))

    @property
    def is_here(self) -> bool:
        """Whether all files lie in the mirror or the cache (their checksums are verified when they are read)."""
        return all(self.place(file) is not None for file in self.files)

    def place(self, file: CatalogFile) -> Path | None:
        """Where one of the files is, not verified; None where it is nowhere on this machine."""
        kept = cached(file.sha256)
        return _mirrored(file) or (kept if kept.is_file() else None)

    def urls(self, file: CatalogFile) -> tuple[str, ...]:
        """The addresses of one of the files."""
        return file.urls or (self.base + quote(file.path.rsplit("/", 1)[-1]),)

    def fetch(self, file: CatalogFile, progress: Progress = SILENT) -> Path:
        """Where one of the files is, verified; it is downloaded to the cache where it is nowhere on this machine.

        Raises CorpusError where what is in the mirror is another file, and as download.download does.
        """
        mirrored = _mirrored(file)
        if mirrored is not None:
            if (found := sha256_of(mirrored)) != file.sha256:
                raise CorpusError(
                    f"{mirrored} is not the catalog's file: sha256 {found[:12]}…, expected {file.sha256[:12]}…; "
                    f"delete it"
                )
            return mirrored
        kept = cached(file.sha256)
        if kept.is_file():
            if sha256_of(kept) == file.sha256:
                return kept
            kept.unlink()  # the disk has spoiled it
        try:
            return download(self.urls(file), file.sha256, progress)
        except UnavailableError as error:
            raise UnavailableError(f"{error}; {MIRROR} may name a folder that has {file.path}") from error


def catalog() -> dict[str, CatalogEntry]:
    """The public corpora by name."""
    text = (embedded_folder() / "catalog.toml").read_text(encoding="utf-8")
    return {name: CatalogEntry.model_validate(entry) for name, entry in tomllib.loads(text).items()}


def entry_named(name: str) -> CatalogEntry:
    """The catalog's entry of this name. Raises UnknownNameError."""
    entries = catalog()
    if name not in entries:
        raise UnknownNameError("corpus of the catalog", name, entries)
    return entries[name]


def load_corpus(name: str, form: TextFormat = LINES, progress: Progress = SILENT) -> Corpus:
    """The corpus that `name` names: embedded, in the catalog, `hf:DATASET`, `-` or a path to a text file or a folder.

    A source's name may be followed by its options: ``markov:order=3,lines=100000``. Args: form, how the bytes of what
    the user has are read; progress, receives reports of downloads. Raises CorpusError, UnavailableError,
    UnknownNameError, or SpecError for a source's options.
    """
    entry = catalog().get(name)
    if entry or name in EMBEDDED or is_source(name):
        if form != LINES:
            raise CorpusError(
                f"'{name}' has its own documents, encoding and field; those options are for what you bring"
            )
        if entry:
            return read_entry(name, entry, progress)
        return EMBEDDED[name]() if name in EMBEDDED else source_corpus(name)
    if name == "-":
        return read_standard_input(form)
    if name.startswith(PREFIX):
        return read_dataset(name, form)
    path = Path(os.path.expanduser(name))  # noqa: PTH111  (leaves an unknown user's home as it is)
    if name.strip() and os.path.lexists(path):
        return read_path(path, form)
    raise _unknown(name, path)


def _unknown(name: str, path: Path) -> LmbenchError:
    """Why no corpus has this name."""
    known, base = known_names(), name.partition(":")[0]
    if len(path.parts) > 1 or (path.suffix and ":" not in name):
        return CorpusError(f"there is no file or folder '{name}'; a corpus is a path or one of: {', '.join(known)}")
    if base in known:
        return CorpusError(f"'{name}' names nothing: '{base}' has no options; only sources have: {', '.join(SOURCES)}")
    return UnknownNameError("corpus", base or name, known)


def corpus_names(text: str) -> list[str]:
    """The names in a comma-separated list, each once; ``name=value`` goes on with the source before it.

    What names a file as it is, commas and all, is that file.
    """
    if os.path.lexists(os.path.expanduser(text)):  # noqa: PTH111  (as in load_corpus)
        return [text]
    return list(dict.fromkeys(split_list(text, is_source)))


def known_names() -> list[str]:
    """The names of all embedded and catalogd corpora."""
    return [*EMBEDDED, *catalog()]


def read_entry(name: str, entry: CatalogEntry, progress: Progress = SILENT) -> Corpus:
    """The corpus of an entry, downloaded where it is not here. Raises as CatalogEntry.fetch does."""
    if entry.holds != "text":
        raise CorpusError(f"'{name}' holds {entry.holds}, no text to model; `lmbench corpora show {name}` says more")
    train, valid, test = _splits(entry, progress)
    return Corpus(
        name,
        train,
        valid,
        test,
        provenance=_provenance(entry),
        tokenized=entry.tokenized,
        description=entry.description,
        spaced=entry.spaced,
    )


def _splits(entry: CatalogEntry, progress: Progress) -> tuple[Split, Split, Split]:
    if entry.cut is None:
        tagged = entry.format in ("conllu", "conllu-text")
        train, valid, test = (
            _tagged(entry, parts, progress) if tagged else Split(_stored_or_held(entry, parts, progress))
            for parts in (entry.splits.get(split, ()) for split in _SPLITS)
        )
        return train, valid, test
    texts = [_text(entry, part, progress) for part in entry.splits["all"]]
    if entry.cut.by == "bytes":
        train, valid, test = (Split(_documents(entry, text)) for text in _cut_bytes("".join(texts), entry.cut.sizes))
        return train, valid, test
    whole = tuple(document for text in texts for document in _documents(entry, text))
    return (cut if entry.cut.by == "documents" else _take_turns)(whole, entry.cut.sizes)


def _tagged(entry: CatalogEntry, parts: Sequence[str], progress: Progress) -> Split:
    found = [sentence for part in parts for sentence in sentences(_text(entry, part, progress), part)]
    return tagged_split(found) if entry.format == "conllu" else text_split(found)


def _stored_or_held(entry: CatalogEntry, parts: Sequence[str], progress: Progress) -> Sequence[str]:
    """The documents of these parts; those of a single large text stay on disk."""
    held: list[str] = []
    for part in parts:
        with _opened(entry, part, progress) as (file, size):
            if size > stored.IN_MEMORY and entry.format == "text" and len(parts) == 1:
                return stored.StoredDocuments.of_file(_plain(entry, part, file), entry.unit)
            text = decode(file.read(), part)
        held += _documents(entry, text)
    return tuple(held)


def _plain(entry: CatalogEntry, part: str, file: IO[bytes]) -> Path:
    """A file of the cache with the text of `part` as it is to be read: out of its archive, its lines stripped."""
    path, _, member = part.partition("!")
    if not member and not entry.strip:
        return Path(file.name)
    [sha256] = [file.sha256 for file in entry.files if file.path == path]
    name = hashlib.sha256(f"{sha256}!{member}!{entry.strip}".encode()).hexdigest()
    target = cached(name)
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(f".{os.getpid()}")
        try:
            with partial.open("wb") as copy:
                copy.writelines(map(_stripped, file) if entry.strip else file)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    return target


def _stripped(line: bytes) -> bytes:
    text = line.removesuffix(b"\n")
    return text.strip(b" ") + line[len(text) :]


@contextmanager
def _opened(entry: CatalogEntry, part: str, progress: Progress) -> Iterator[tuple[IO[bytes], int]]:
    """The bytes of ``FILE``, or of ``FILE!MEMBER`` in a zip archive, and their number. Raises CorpusError."""
    path, _, member = part.partition("!")
    [file] = [file for file in entry.files if file.path == path]
    place = entry.fetch(file, progress)
    try:
        if not member:
            with place.open("rb") as found:
                yield found, place.stat().st_size
        else:
            with zipfile.ZipFile(place) as archive, archive.open(member) as found:
                yield found, archive.getinfo(member).file_size
    except (zipfile.BadZipFile, KeyError) as error:
        raise CorpusError(f"{place} has no readable {member}: {error}") from error
    except OSError as error:
        raise CorpusError(f"cannot read {place}: {error.strerror or error}") from error


def _text(entry: CatalogEntry, part: str, progress: Progress) -> str:
    with _opened(entry, part, progress) as (file, _):
        return decode(file.read(), part)


def _documents(entry: CatalogEntry, text: str) -> tuple[str, ...]:
    if entry.format == "jsonl":
        return tuple(records(text, entry.description, entry.field))
    if entry.format == "json":
        return tuple(json_records(text, entry.description, entry.field))
    return documents(strip_lines(text) if entry.strip else text, entry.unit)


def _take_turns(whole: tuple[str, ...], sizes: tuple[int, int, int]) -> tuple[Split, Split, Split]:
    """Of every sum(sizes) documents the first for training, the next for validation, the last for the test."""
    bounds = (0, sizes[0], sizes[0] + sizes[1], sum(sizes))
    train, valid, test = (
        Split(tuple(document for i, document in enumerate(whole) if low <= i % bounds[-1] < high))
        for low, high in pairwise(bounds)
    )
    return train, valid, test


def _cut_bytes(text: str, sizes: tuple[int, int, int]) -> tuple[str, str, str]:
    """`text` at these numbers of UTF-8 bytes; a character on the border belongs to the part before it."""
    data = text.encode()
    ends = [0]
    for size in sizes[:2]:
        end = ends[-1] + size
        while end < len(data) and data[end] & 0xC0 == 0x80:  # inside a character
            end += 1
        ends.append(end)
    first, second, third = (data[start:end].decode() for start, end in pairwise([*ends, len(data)]))
    return first, second, third


def _provenance(entry: CatalogEntry) -> str:
    """How an entry's bytes become documents and splits, for the signature."""
    unit = f"{entry.unit}s" if entry.format == "text" else entry.format
    unit += f"={'/'.join(entry.field)}" if entry.field else ""
    stripped = ",lines-stripped" * entry.strip
    split = f"{entry.cut.by}-{'/'.join(map(str, entry.cut.sizes))}" if entry.cut else "files"
    return f"{unit}{stripped},split={split}"


def _mirrored(file: CatalogFile) -> Path | None:
    """Where the file is in the mirror; None where it is not, or there is none. Raises CorpusError for no folder."""
    if not (mirror := os.environ.get(MIRROR)):
        return None
    folder = Path(os.path.expanduser(mirror))  # noqa: PTH111  (leaves an unknown user's home as it is)
    if not folder.is_dir():
        raise CorpusError(f"{MIRROR} names '{mirror}', which is no folder")
    place = folder / file.path
    return place if place.is_file() else None
