import pytest

from lmbench.corpora.names import divide_name, parse_names
from lmbench.errors import SpecError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a,b.txt", "a:b.txt", "x.txt", "a=b.txt", "c:field=d.txt", "limit=5", "1,2,3"):
        (tmp_path / name).write_text("a\nb\nc\n")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("markov:order=2,seed=3,pydocs", ["markov:order=2,seed=3", "pydocs"]),
        ("pydocs,recall,lines=10, grammar", ["pydocs", "recall:lines=10", "grammar"]),
        ("markov,order=2,limit=7,x.txt", ["markov:order=2,limit=7", "x.txt"]),
        ("x.txt:field=a,documents=block, pydocs", ["x.txt:field=a,documents=block", "pydocs"]),
        ("x.txt,documents=block,limit=3", ["x.txt:documents=block,limit=3"]),
        ("pydocs,limit=5", ["pydocs", "limit=5"]),  # because a file has this name
        ("pydocs,limit=6", ["pydocs:limit=6"]),
        ("x.txt:documents=block,feild=3", ["x.txt:documents=block,feild=3"]),
        ("pydocs,a=b.txt", ["pydocs", "a=b.txt"]),
        ("pydocs,c=d.txt", ["pydocs", "c=d.txt"]),
        ("markov,./a=b.txt,x/c=d", ["markov", "./a=b.txt", "x/c=d"]),
        ("markov,markov,a.txt, ,", ["markov", "a.txt"]),
        ("", []),
        ("a,b.txt", ["a,b.txt"]),
        ("a,b.txt,pydocs", ["a,b.txt", "pydocs"]),
        ("pydocs,a,b.txt:field=c,limit=2,1,2,3", ["pydocs", "a,b.txt:field=c,limit=2", "1,2,3"]),
        ("a:b.txt,pydocs", ["a:b.txt", "pydocs"]),
        ("c:field=d.txt,documents=line", ["c:field=d.txt:documents=line"]),
        ("x.txt,column=a,pydocs", ["x.txt:column=a", "pydocs"]),
        ("hf:data/x:text,documents=article", ["hf:data/x:text:documents=article"]),
    ],
)
def test_lists_of_corpora(text, names):
    assert parse_names(text) == names


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("x.txt", "x.txt", ()),
        ("x.txt:field=body,limit=3", "x.txt", (("field", "body"), ("limit", "3"))),
        ("./a:b.txt:field=body", "./a:b.txt", (("field", "body"),)),
        ("x.txt:column=body", "x.txt", (("field", "body"),)),
        ("a:b.txt", "a:b.txt", ()),
        ("c:field=d.txt", "c:field=d.txt", ()),
        ("c:field=d.txt:limit=1", "c:field=d.txt", (("limit", "1"),)),
        ("no.txt:field=a:b", "no.txt", (("field", "a:b"),)),
        ("-:encoding=gb18030", "-", (("encoding", "gb18030"),)),
        ("hf:data:text", "hf:data:text", ()),
        ("hf:data:text:limit=2", "hf:data:text", (("limit", "2"),)),
        ("markov:order=3,limit=2,lines=9", "markov:order=3,lines=9", (("limit", "2"),)),
        ("markov:limit=2", "markov", (("limit", "2"),)),
        ("markov:order=3", "markov:order=3", ()),
        ("markov:3", "markov:3", ()),
        ("pydocs:limit=2", "pydocs", (("limit", "2"),)),
    ],
)
def test_a_name_is_divided_from_its_options(text, name, arguments):
    spec = divide_name(text)
    assert (spec.name, spec.arguments) == (name, arguments)


def test_a_path_is_followed_by_options_only():
    with pytest.raises(SpecError, match=r"'block' in 'x.txt:block' is not an option; write option=value with one of: "):
        divide_name("x.txt:block")


def test_a_list_of_a_thousand_names_is_divided_quickly():
    names = [f"n{i}.txt" for i in range(300)]
    assert parse_names(",".join(names)) == names
