import pytest

from lmbench.backends.servers.options import ServerOptions
from lmbench.errors import SpecError
from lmbench.model import ModelSpec

URL = "http://localhost:8000/v1"


def _options(**given):
    named = ",".join(f"{name}={value}" for name, value in ({"url": URL} | given).items())
    return ModelSpec.parse(f"openai:org/model,{named}").options(ServerOptions)


def test_a_spec_names_the_model_and_its_server() -> None:
    options = _options(timeout="2m", bos="<|endoftext|>")
    assert (options.model, options.endpoint, options.timeout) == ("org/model", f"{URL}/completions", 120)
    assert options.bos == "<|endoftext|>"


@pytest.mark.parametrize("url", [f"{URL}/", f"{URL}/completions"])
def test_the_same_address_in_another_form_is_the_same_model(url) -> None:
    assert _options(url=url).identity() == _options().identity()


def test_how_requests_are_sent_does_not_count() -> None:
    other = _options(key_env="MY_KEY", batch=4, concurrency=2, rate=60, timeout=5, attempts=2, pause=0, stride=2048)
    assert other.identity() == _options().identity()


@pytest.mark.parametrize(
    "change", [{"bos": "<s>"}, {"vocabulary": 7}, {"context": 1024}, {"stride": 100}, {"ask": "prompt_logprobs"}]
)
def test_what_numbers_depend_on_counts(change) -> None:
    assert _options(**change).identity() != _options().identity()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key_env": "sk-secret"}, "must be the name of an environment variable"),
        ({"url": "http://me:secret@host/v1"}, "must not hold a name, a key"),
        ({"url": "http://host/v1?key=secret"}, "must not hold a name, a key"),
        ({"url": "ftp://secret/v1"}, "must be an address such as"),
        ({"url": "http://[secret/v1"}, "must be an address such as"),
    ],
)
def test_a_key_in_the_wrong_place_is_refused_and_not_repeated(change, message) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        _options(**change)
    assert "secret" not in str(caught.value)


def test_windows_must_overlap() -> None:
    with pytest.raises(SpecError, match="stride= must be at most 768"):
        _options(context=1024, stride=1000)
    assert _options(context=1024, stride=768).bytes_moved == 768
