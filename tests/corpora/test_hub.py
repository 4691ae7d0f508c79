import json

import pytest

from lmbench.corpora.loading import load_corpus, read_corpus
from lmbench.errors import CorpusError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("datasets", reason="the extra lmbench[datasets] is not installed")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.chdir(tmp_path)


def parquet(path, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def splits(corpus):
    return [tuple(split.documents) for split in (corpus.train, corpus.valid, corpus.test)]


def test_a_local_parquet_dataset(tmp_path):
    for split in ("train", "validation", "test"):
        parquet(
            tmp_path / f"data/{split}-00000.parquet", text=[f"{split} 1\n", "", f"{split} 汉", None], id=[1, 2, 3, 4]
        )
    corpus = load_corpus("hf:data")
    assert splits(corpus) == [(f"{split} 1\n", "\n", f"{split} 汉\n") for split in ("train", "validation", "test")]
    assert corpus.provenance == "rows,column=text,line-ends-added,split=dataset"
    assert load_corpus(f"hf:{tmp_path}/data:text").test == corpus.test


def test_rows_can_be_joined_into_one_text(tmp_path):
    rows = ["", " = One = ", "", "a", "", " = Two = ", "", "b"]
    for split in ("train", "test"):
        parquet(tmp_path / f"d/{split}.parquet", text=rows)
    corpus = load_corpus("hf:d:documents=article,strip=true")
    assert corpus.test.documents == ("\n= One =\n\na\n\n", "= Two =\n\nb\n")
    assert corpus.provenance == (
        "articles,column=text,line-ends-added,lines-stripped,split=dataset,valid=last-10%-of-train"
    )


def test_a_single_split_is_divided_and_the_only_text_column_is_used(tmp_path):
    (tmp_path / "j").mkdir()
    (tmp_path / "j/rows.jsonl").write_text("".join(json.dumps({"verse": f"v{i}", "n": i}) + "\n" for i in range(10)))
    corpus = load_corpus("hf:j")
    assert [len(documents) for documents in splits(corpus)] == [8, 1, 1]
    assert splits(corpus)[2] == ("v9\n",)
    assert "column=verse" in corpus.provenance


def test_a_dataset_is_scored_as_a_whole_if_nothing_is_fitted(tmp_path):
    parquet(tmp_path / "one/train.parquet", text=["a", "b"])
    corpus = read_corpus("hf:one", whole=True)
    assert splits(corpus) == [(), (), ("a\n", "b\n")]
    assert corpus.provenance == "rows,column=text,line-ends-added,scored=all"
    for split in ("validation", "test"):
        parquet(tmp_path / f"two/{split}.parquet", text=[split])
    assert splits(read_corpus("hf:two", whole=True)) == [(), ("validation\n",), ("test\n",)]
    assert splits(load_corpus("hf:two:split=all")) == [(), (), ("validation\n", "test\n")]


def test_the_field_of_a_dataset_is_its_column(tmp_path):
    parquet(tmp_path / "d/train.parquet", a=["x", "y", "z"], b=["1", "2", "3"])
    assert load_corpus("hf:d:field=b").test == load_corpus("hf:d:b").test
    with pytest.raises(CorpusError, match="has its own format and encoding; leave out --format and --encoding"):
        load_corpus("hf:d:field=b,encoding=latin-1")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hf:two", r"hf:two has several text columns; write hf:DATASET:COLUMN with one of: a, b"),
        ("hf:two:c", r"hf:two:c does not have a text column 'c'; .* one of: a, b"),
        ("hf:two/other:a", r"hf:two: BuilderConfig 'other' not found"),
        ("hf:two:a", r"hf:two:a has the splits train, validation; a corpus needs train and test"),
        ("hf:", r"'hf:' does not name a dataset; write hf:DATASET,"),
        ("hf::text", r"'hf::text' does not name a dataset"),
        ("hf:empty", r"hf:empty: .*data files"),
    ],
)
def test_unusable_datasets_are_refused(tmp_path, name, message):
    for split in ("train", "validation"):
        parquet(tmp_path / f"two/{split}.parquet", a=["x"], b=["y"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match=message):
        load_corpus(name)
