"""Which files a model is loaded from, which of them identify it, and references that lead elsewhere."""

import json
import os
import shutil

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from lmbench import build
from lmbench.backends.neural.pretrained.model_files import ModelFiles, UnusableFileError, weight_names
from lmbench.errors import UnavailableError
from tests.checkpoints import BOS, in_hub_cache

pytestmark = pytest.mark.usefixtures("one_thread")

INDEX = "model.safetensors.index.json"


def load(folder):
    return build(f"hf:{folder}")


def nats(folder):
    return float(load(folder).score(["the cat"])[0].logprobs.sum())


def revision(folder):
    return dict(load(folder).signature().parts)["revision"]


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def split(folder, *names):
    """Replace the weights by shards of these names, and an index."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    places = {name: names[i % len(names)] for i, name in enumerate(sorted(tensors))}
    for file in names:
        shard = {name: tensor for name, tensor in tensors.items() if places[name] == file}
        save_file(shard, folder / file, {"format": "pt"})
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": places}))


def test_shards_are_loaded_and_identify_the_model(folder, original):
    split(folder, "one.safetensors", "two.safetensors")
    assert weight_names(folder) == ["one.safetensors", "two.safetensors"]
    assert nats(folder) == pytest.approx(nats(original), abs=1e-5)
    before = revision(folder)
    save_file(load_file(folder / "two.safetensors"), folder / "two.safetensors", {"format": "pt", "by": "me"})
    assert revision(folder) != before
    assert load(folder).footprint().disk_bytes == sum(
        (folder / name).stat().st_size for name in ("one.safetensors", "two.safetensors")
    )


@pytest.mark.parametrize("scheme", ["hf", "mlm"])
@pytest.mark.parametrize(
    "target", ["/absolute/other.safetensors", "../other.safetensors", "sub/x.safetensors", "x.bin", 7]
)
def test_an_index_that_leads_out_of_the_folder_is_refused(folder, target, scheme):
    split(folder, "one.safetensors")
    shutil.copy(folder / "one.safetensors", folder.parent / "other.safetensors")
    weights = json.loads((folder / INDEX).read_text())["weight_map"]
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": dict.fromkeys(weights, target)}))
    with pytest.raises(UnavailableError, match=rf"{INDEX} refers to '[^\n]*', which is not a safetensors file of the"):
        build(f"{scheme}:{folder}").score(["x"])


@pytest.mark.parametrize("content", ["[]", "{}", '{"weight_map": 3}', '{"weight_map": {}}', "[" * 100_000, "{"])
def test_a_malformed_index_is_refused(folder, content):
    split(folder, "one.safetensors")
    (folder / INDEX).write_text(content)
    with pytest.raises(UnavailableError, match=INDEX):
        load(folder).score(["x"])


def test_one_file_of_weights_precedes_an_index(folder, original):
    """As in transformers; the index and its shards do not count then."""
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": {"a": "missing.safetensors"}}))
    assert weight_names(folder) == ["model.safetensors"]
    assert nats(folder) == pytest.approx(nats(original), abs=1e-5)


def test_weights_that_are_not_loaded_do_not_identify_the_model(folder):
    before = revision(folder)
    for name in ("unused.safetensors", "pytorch_model.bin", "README.md", "vocab.json", "merges.txt"):
        (folder / name).write_bytes(b"unused")
    assert revision(folder) == before
    assert nats(folder) < 0


@pytest.mark.parametrize("name", ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"])
def test_every_file_that_is_read_identifies_the_model(folder, name):
    before = revision(folder)
    (folder / name).write_text((folder / name).read_text() + "\n")
    assert revision(folder) != before


def test_other_vocabularies_identify_a_model_without_tokenizer_json(folder):
    stored = json.loads((folder / "tokenizer.json").read_text())["model"]
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text(json.dumps(stored["vocab"]))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(pair) for pair in stored["merges"]))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "GPT2Tokenizer", "bos_token": BOS, "eos_token": BOS, "unk_token": BOS})
    )
    before = revision(folder)
    (folder / "merges.txt").write_text("#version: 0.2\n")
    assert revision(folder) != before


def test_weights_that_the_configuration_names_are_identified(folder, original):
    (folder / "model.safetensors").rename(folder / "mine.safetensors")
    change(folder / "config.json", transformers_weights="mine.safetensors")
    assert nats(folder) == pytest.approx(nats(original), abs=1e-5)
    assert weight_names(folder) == ["mine.safetensors"]
    change(folder / "config.json", transformers_weights="../mine.safetensors")
    with pytest.raises(UnavailableError, match=r"transformers_weights of config\.json refers to"):
        load(folder).score(["x"])


def test_files_that_change_after_loading_are_noticed(folder):
    model = load(folder)
    model.score(["x"])
    before = model.signature()
    assert model.signature() == before
    with (folder / "config.json").open("a") as file:
        file.write("\n")
    with pytest.raises(UnavailableError, match=r"config\.json' has changed since the model was loaded; start again"):
        model.signature()


def test_links_are_followed_and_what_they_lead_to_identifies_the_model(folder, original):
    """As the hub's cache links its files."""
    before = revision(folder)
    shutil.move(folder / "model.safetensors", folder.parent / "blob")
    (folder / "model.safetensors").symlink_to("../blob")
    assert revision(folder) == before
    tensors = load_file(folder.parent / "blob")
    tensors["transformer.ln_f.bias"] += 1
    save_file(tensors, folder.parent / "blob", {"format": "pt"})
    assert revision(folder) != before


def test_an_index_in_the_hubs_cache_is_checked(folder, monkeypatch, tmp_path):
    """The commit identifies only the files of the commit."""
    split(folder, "one.safetensors")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    commit = in_hub_cache(tmp_path / "cache", "some/model", folder)
    snapshot = tmp_path / "cache" / "models--some--model" / "snapshots" / commit
    assert dict(build("hf:some/model").signature().parts)["revision"] == commit
    index = json.loads((snapshot / INDEX).read_text())
    other = shutil.move(snapshot / "one.safetensors", tmp_path / "other.safetensors")
    (snapshot / INDEX).write_text(json.dumps(index | {"weight_map": dict.fromkeys(index["weight_map"], str(other))}))
    with pytest.raises(UnavailableError):
        build("hf:some/model,offline=true").score(["x"])


@pytest.mark.parametrize("scheme", ["hf", "mlm"])
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors", "generation_config.json"])
@pytest.mark.parametrize("kind", ["device", "FIFO"])
def test_only_regular_files_are_read(folder, scheme, name, kind):
    (folder / name).unlink()
    if kind == "FIFO":
        os.mkfifo(folder / name)
    else:
        (folder / name).symlink_to("/dev/zero")
    with pytest.raises(UnavailableError, match=rf": {name} is not a regular file$"):
        build(f"{scheme}:{folder}").score(["x"])


def test_large_settings_are_refused(folder):
    change(folder / "config.json", note="x" * (17 << 20))
    with pytest.raises(UnavailableError, match=r": config\.json has 17 MiB, more than the 16 allowed$"):
        load(folder).score(["x"])
    with (folder / "tokenizer.json").open("ab") as file:
        file.truncate(5 << 30)  # it takes no space on the disk
    change(folder / "config.json", note="")
    with pytest.raises(UnavailableError, match=r": tokenizer\.json has 5,120 MiB, more than the 128 allowed$"):
        load(folder).score(["x"])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", '{"a":' * 100_000, "config.json is nested too deeply"),
        ("tokenizer_config.json", "[" * 100_000, "tokenizer_config.json is nested too deeply"),
        ("tokenizer.json", "[" * 100_000, "tokenizer.json is nested too deeply"),
        ("config.json", '{"n_layer": ' + "9" * 5000 + "}", "config.json is not valid JSON"),
        ("config.json", "\x00", "config.json is not valid JSON"),
        ("adapter_config.json", "{}", "it contains an adapter; merge it into its base model"),
    ],
)
def test_malformed_settings_are_refused(folder, name, content, message):
    (folder / name).write_text(content)
    with pytest.raises(UnavailableError, match=rf": {message}[^\n]*$"):
        load(folder).score(["x"])


def test_a_folder_without_a_tokenizer_is_refused(folder):
    for file in folder.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(UnavailableError, match=r": tokenizer\.json or another vocabulary is missing$"):
        load(folder).score(["x"])


def test_settings_do_not_refer_to_files_elsewhere(folder, tmp_path):
    other = shutil.copy(folder / "tokenizer.json", tmp_path / "tokenizer.4.0.0.json")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    for added in ({"vocab": other}, {"merges_file": other}, {"fast_tokenizer_files": ["../tokenizer.4.0.0.json"]}):
        (folder / "tokenizer_config.json").write_text(json.dumps(settings | added, default=str))
        with pytest.raises(UnavailableError, match=r"tokenizer_config\.json refers to "):
            load(folder).score(["x"])
    left = {"name_or_path": other, "special_tokens_map_file": other, "tokenizer_file": other}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | left, default=str))
    assert nats(folder) < 0  # older versions leave these, and they are not read


def test_kernels_of_the_hub_are_refused(folder):
    change(folder / "config.json", attn_implementation="some-owner/some-kernel")
    with pytest.raises(
        UnavailableError, match=r"config\.json contains custom code: attn_implementation is 'some-owner/"
    ):
        load(folder).score(["x"])


def test_a_file_is_not_a_folder(folder):
    with pytest.raises(UnavailableError, match=r"config\.json' is a file; give a GGUF file or the folder of a model$"):
        load(folder / "config.json").score(["x"])


def test_messages_contain_no_control_characters(folder):
    change(folder / "config.json", model_type="gpt\x1b]0;title\x07\u202e\n2")
    with pytest.raises(UnavailableError) as caught:
        load(folder).score(["x"])
    assert str(caught.value).isprintable()


def test_every_file_that_transformers_opens_is_known(folder):
    """Every file that Python opens in the folder is one whose content is checked and identifies the model."""
    import sys

    opened = set()
    recording = True

    def record(event, arguments):
        if recording and event == "open" and str(arguments[0]).startswith(f"{folder}{os.sep}"):
            opened.add(os.path.relpath(str(arguments[0]), folder))

    names = {"chat_template.jinja": "x", "special_tokens_map.json": "{}", "added_tokens.json": "{}", "vocab.txt": "x"}
    for name, content in names.items():
        (folder / name).write_text(content)
    sys.addaudithook(record)
    load(folder).score(["x"])
    recording = False
    known = {path.name for path in ModelFiles.check(folder)._stats}
    assert opened
    assert opened <= known


def test_a_damaged_shard_is_named(folder):
    split(folder, "one.safetensors", "two.safetensors")
    (folder / "two.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(UnavailableError, match=r": two\.safetensors is damaged: "):
        load(folder).score(["x"])
    (folder / "two.safetensors").unlink()
    with pytest.raises(UnavailableError, match=r": two\.safetensors is missing$"):
        load(folder).score(["x"])


def test_the_check_reads_no_weights(folder):
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert file.keys()
    (folder / "model.safetensors").write_bytes(b"")
    ModelFiles.check(folder)
    (folder / "config.json").unlink()
    with pytest.raises(UnusableFileError, match=r"^config\.json is missing$"):
        ModelFiles.check(folder)
