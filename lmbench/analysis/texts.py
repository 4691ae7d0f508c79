"""The test texts of a run: given, or read again by their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lmbench.analysis.words import Words
from lmbench.corpora.loading import is_local, read_corpus
from lmbench.corpora.names import divide_name
from lmbench.corpora.options import NO_OPTIONS, CorpusOptions
from lmbench.corpus import Corpus
from lmbench.errors import CorpusError, LmbenchError, ResultsError, kind_of
from lmbench.progress import Progress
from lmbench.runs.records import CorpusRecord, Manifest


class _ReadBefore(Progress):
    """Announces nothing: the run has announced how its texts are read."""

    def notice(self, line: str) -> None:
        pass


_READ_BEFORE = _ReadBefore()


class Texts:
    """The corpora of a run. A run directory stores their checksums, but not their texts.

    Args:
        manifest: The record of the run.
        given: A corpus that need not be read again, or several.
        may_download: Whether texts that are not on this machine are downloaded.

    Raises:
        CorpusError: Something else was given.
    """

    def __init__(self, manifest: Manifest, given: Corpus | Iterable[Corpus] = (), may_download: bool = True) -> None:
        self._manifest = manifest
        self._may_download = may_download
        self._known: dict[str, Corpus] = {}
        self._words: dict[str, Words] = {}
        for corpus in (given,) if isinstance(given, Corpus) else given:
            if not isinstance(corpus, Corpus):
                raise CorpusError(f"{kind_of(corpus)} is not a Corpus; write Corpus.from_texts(…)")
            self._known[corpus.name] = corpus

    def find(self, name: str) -> Corpus:
        """Return the corpus of this name.

        Raises:
            ResultsError: It was not given, and cannot be read again with the same test text.
        """
        record = self._find_record(name)
        if name not in self._known:
            self._known[name] = self._read_again(record)
        found = self._known[name]
        if not _has_test_text(found, record):
            raise ResultsError(f"the test text of {name} is another one than in the run")
        return found

    def check_training_text(self, name: str) -> None:
        """Check that the training text of the corpus of this name is that of the run.

        Raises:
            ResultsError: It is another one, or the corpus cannot be read; see `find`.
        """
        if self.find(name).train.fingerprint != self._find_record(name).train_fingerprint:
            raise ResultsError(f"the training text of {name} is another one than in the run")

    def check_fitted_text(self, name: str) -> None:
        """Check that a model that is fitted on the corpus of this name is that of the run.

        Raises:
            ResultsError: The training or the validation text is another one, or the corpus cannot be read; see `find`.
        """
        self.check_training_text(name)
        if self.find(name).valid.fingerprint != self._find_record(name).valid_fingerprint:
            raise ResultsError(f"the validation text of {name} is another one than in the run")

    def find_words(self, name: str) -> Words:
        """Return the words of the test text of this corpus, which are found once.

        Raises:
            ResultsError: The corpus cannot be read; see `find`.
        """
        if name not in self._words:
            corpus = self.find(name)
            self._words[name] = Words.of_documents(corpus, corpus.test.documents)
        return self._words[name]

    def _find_record(self, name: str) -> CorpusRecord:
        return next(record for record in self._manifest.corpora if record.name == name)

    def _read_again(self, record: CorpusRecord) -> Corpus:
        reason = ""
        for name, options in self._list_names(record):
            if not (self._may_download or is_local(name)):
                reason = f"{name} is not on this machine"
                continue
            for whole in (False, True):
                try:
                    corpus = read_corpus(name, options, _READ_BEFORE, whole)
                except LmbenchError as error:
                    reason = str(error)
                    continue
                if _has_test_text(corpus, record):
                    return corpus
                reason = f"the test text of {name} is another one now"
        why = f" ({reason})" if reason else ""
        raise ResultsError(
            f"the texts of {record.name} are not in the run directory and cannot be read again{why}; in Python, "
            "Results.load(path, [corpus]) takes them"
        )

    def _list_names(self, record: CorpusRecord) -> Iterator[tuple[str, CorpusOptions]]:
        """Yield the names, with their options, by which the corpus may have been asked for."""
        study = self._manifest.study
        for table in study.experiments if study else ():
            for name in table.corpora:
                if divide_name(name).name == record.name:
                    yield name, table.corpus_options
        yield record.name, NO_OPTIONS


def _has_test_text(corpus: Corpus, record: CorpusRecord) -> bool:
    test = corpus.test
    return (test.fingerprint, len(test.documents)) == (record.test_fingerprint, record.test_documents)
