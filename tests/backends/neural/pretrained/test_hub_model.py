"""Downloads and their announcements, from a hub that these tests serve: one model."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console

from lmbench import build
from lmbench.backends.neural import device
from lmbench.backends.neural.pretrained.hub_model import HubLoader
from lmbench.cli.displays import RunDisplay
from lmbench.errors import UnavailableError
from lmbench.identity import digest
from lmbench.model import ModelSpec
from lmbench.progress import SILENT
from lmbench.runs.events import JobName
from tests.checkpoints import in_hub_cache
from tests.recording import Recorded

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def folder(original):
    """Return the folder itself and not a copy, since no test changes it."""
    return original


PROGRAM = """
import socket, sys
folder, text = sys.argv[1:]
look_up = socket.getaddrinfo
def refuse(*address, **options):
    raise SystemExit(f"looked up {address}")
socket.getaddrinfo = refuse
from lmbench import build, generate
for spec in ("hf:cached/model,offline=true", "hf:" + folder):
    model = build(spec)
    model.load()
    print(dict(model.signature().parts)["revision"])
print("---")
socket.getaddrinfo = look_up
from lmbench.cli.main import main
from lmbench.errors import UnavailableError
from tests.recording import Recorded
ways = {"score": lambda m: m.score(["a"]), "signature": lambda m: m.signature(), "state": lambda m: m.state_after("a"),
        "generate": lambda m: list(generate(m, "a", 1)), "footprint": lambda m: m.footprint(),
        "score_continuation": lambda m: m.score_continuation("a", "b")}
for name in ("hf", "mlm"):
    for way, ask in ways.items():
        if name == "mlm" and way in ("state", "generate", "score_continuation"):
            continue
        try:
            ask(build(name + ":some/model"))
        except UnavailableError as error:
            print(name, way, error)
print("---")
progress = Recorded()
model = build("hf:some/model")
model.load(progress)
print(progress.notices, progress.messages)
for one in (model, build("hf:" + folder)):
    print(one.score(["the cat"])[0].logprobs.sum())
build("hf:some/model").score(["a"])  # it is in the cache now
print("---")
print("---", file=sys.stderr)
sys.argv = ["lmbench", "score", "hf:other/model", text]
main()
"""


@pytest.fixture(scope="module")
def downloads(folder, tmp_path_factory):
    """Let a process load models without a network, and then download some/model and other/model from a hub.

    It is a process of its own, since the library reads the hub's address when it is imported, and might use it then.
    The tests share it, since it imports much. Returns what the hub was asked for, the commit of the model that was in
    the cache, and what the process printed in each of its parts.
    """
    place = tmp_path_factory.mktemp("downloads")
    served = shutil.copytree(folder, place / "served")
    (served / "consolidated.safetensors").write_bytes(b"a copy of the weights in another format")
    (place / "text.txt").write_text("the cat\n")
    commit = in_hub_cache(place / "home" / "hub", "cached/model", folder)
    with serve_hub(served) as (address, requested):
        settings = {"HF_ENDPOINT": address, "HF_HOME": str(place / "home"), "HF_HUB_OFFLINE": "0", "AI_AGENT": "some"}
        command = [sys.executable, "-c", PROGRAM, folder, place / "text.txt"]
        ran = subprocess.run(
            command, env=os.environ | settings, capture_output=True, text=True, timeout=120, check=False
        )
    assert ran.returncode == 0, ran.stderr
    offline, refused, loaded, scores = ran.stdout.split("---\n")
    errors, announced = ran.stderr.split("---\n")
    assert errors == ""
    return SimpleNamespace(
        requested=requested, commit=commit, offline=offline, refused=refused, loaded=loaded, scores=scores,
        announced=announced,
    )  # fmt: skip


@contextmanager
def serve_hub(folder):
    """Serve the files of a folder as the hub does, as any model. Yield the address, and a list of what is requested."""
    requested = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.answer(with_body=False)

        def do_GET(self):
            self.answer(with_body=True)

        def answer(self, with_body):
            requested.append(self.path)
            name = self.path.rsplit("/", 1)[-1]
            if self.path == "/":
                body = b"a hub"
            elif self.path.startswith("/api/models/"):
                model = self.path.removeprefix("/api/models/").split("?")[0]
                files = [{"rfilename": file.name, "size": file.stat().st_size} for file in folder.iterdir()]
                body = json.dumps({"id": model, "sha": COMMIT, "siblings": files}).encode()
            elif "/resolve/" in self.path and (folder / name).is_file():
                body = (folder / name).read_bytes()
            else:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(200)
            for header, value in (("ETag", f'"{name}"'), ("X-Repo-Commit", COMMIT), ("Content-Length", str(len(body)))):
                self.send_header(header, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requested
    finally:
        server.shutdown()
        server.server_close()


def test_only_load_downloads_and_announces_the_size_once(downloads, folder):
    message = "weights of 'some/model' are not on this machine; call the model's `load`, which downloads them"
    assert [line.split(" ", 2)[2] for line in downloads.refused.splitlines()] == [message] * 9
    size = sum(file.stat().st_size for file in folder.iterdir() if file.suffix in (".json", ".safetensors"))
    announcement = f"downloading 'some/model' from the Hugging Face hub: {size / 1e6:,.0f} MB"
    recorded, one, other = downloads.loaded.splitlines()
    assert recorded == f"{[announcement]} []"
    assert one == other


def test_only_the_weights_that_are_loaded_are_downloaded(downloads):
    downloaded = {path.rsplit("/", 1)[-1] for path in downloads.requested if path.startswith("/some/model/resolve/")}
    assert {"model.safetensors", "config.json", "generation_config.json", "tokenizer.json"} <= downloaded
    assert "consolidated.safetensors" not in downloaded


def test_the_command_line_announces_a_download_in_one_line(downloads):
    download, total = downloads.announced.splitlines()
    assert download == "downloading 'other/model' from the Hugging Face hub: 0 MB"
    assert total.startswith("hf:other/model: ")
    assert len(downloads.scores.splitlines()) > 1


def test_a_run_without_a_terminal_shows_notices_and_no_other_progress(capsys):
    line = "downloading 'some/model' from the Hugging Face hub: 548 MB"
    with RunDisplay(Console()) as display:
        job = JobName(kind="cell", model="mix:hf:some/model+cache", corpus="pydocs", number=1, total=1)
        display.job_started(job)
        progress = display.progress_of(job)
        for message in ("loading 'some/model'", "fit: hf:some/model: step 3", "score"):
            progress(message, 0.5)
        progress.part("fit").part("hf:some/model").notice(line)
    assert capsys.readouterr().out.split("\n") == [line, ""]


def test_an_announcement_to_silent_progress_is_a_warning(monkeypatch):
    serve_listing(monkeypatch, [("model.safetensors", 500_000_000)])
    with pytest.warns(UserWarning, match="downloading 'no-such-owner/no-such-model' from the Hugging Face hub: 500 MB"):
        HubLoader(options("hf:no-such-owner/no-such-model")).allow_downloads(SILENT)


def options(spec):
    return build(spec).options


def serve_listing(monkeypatch, files):
    """Make the hub answer, and list these (name, size) pairs as its model's files."""
    siblings = [SimpleNamespace(rfilename=name, size=size) for name, size in files]
    monkeypatch.setattr("lmbench.backends.neural.pretrained.hub_model.hub_answers", lambda: True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: SimpleNamespace(siblings=siblings))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("hf:no-such-owner/no-such-model,offline=true", r"not on this machine, .* run `hf download no-such-owner/"),
        ("hf:./no/such/folder", r"there is no folder '\./no/such/folder'"),
        ("hf:/no-such-folder", r"there is no folder '/no-such-folder'"),
        ("hf:no-such-model.gguf", r"there is no file 'no-such-model\.gguf'$"),
        ("hf:./no/such/model.GGUF", r"there is no file '\./no/such/model\.GGUF'$"),
    ],
)
def test_a_missing_model_is_reported_at_once(spec, message):
    start = time.monotonic()
    with pytest.raises(UnavailableError, match=message):
        build(spec).score(["x"])
    assert time.monotonic() - start < 5


def test_an_unreachable_hub_is_reported_at_once(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    start = time.monotonic()
    with pytest.raises(UnavailableError, match="the hub cannot be reached; run `hf download"):
        build("gpt2:path=no-such-owner/no-such-model").load()
    assert time.monotonic() - start < 5


def test_a_download_is_announced_with_its_size(monkeypatch):
    files = [("model.safetensors", 500_000_000), ("config.json", 1_000_000), ("onnx/model.onnx", 9e9), ("tf.h5", 9e9)]
    files += [("pytorch_model.bin", 9e9), ("consolidated.safetensors", 9e9)]  # other copies of the weights
    serve_listing(monkeypatch, files)

    class Stopping(Recorded):
        def notice(self, line):
            super().notice(line)
            raise KeyboardInterrupt  # before anything is downloaded

    progress = Stopping()
    with pytest.raises(KeyboardInterrupt):
        build("hf:no-such-owner/no-such-model").load(progress)
    assert progress.notices == ["downloading 'no-such-owner/no-such-model' from the Hugging Face hub: 501 MB"]
    assert progress.messages == []


def test_a_model_on_this_machine_is_not_announced_as_a_download(folder):
    progress = Recorded()
    build(f"hf:{folder}").load(progress)
    assert progress.messages == [(f"loading '{folder}'", 0.0)]
    assert progress.notices == []


def test_the_hub_is_not_contacted_offline(monkeypatch):
    def contact(*_, **__):
        pytest.fail("the network was used")

    monkeypatch.setattr("urllib.request.urlopen", contact)
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", contact)
    with pytest.raises(UnavailableError, match=r"the hub is not contacted \(offline\)"):
        build("hf:no-such-owner/no-such-model,offline=true").load()


def test_a_cached_model_is_identified_by_its_commit(folder, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    commit = in_hub_cache(tmp_path, "some/model", folder)
    model = build("hf:some/model")
    progress = Recorded()
    model.load(progress)
    assert (progress.messages, progress.notices) == ([("loading 'some/model'", 0.0)], [])
    assert dict(model.signature().parts)["revision"] == commit
    assert model.footprint().disk_bytes == (folder / "model.safetensors").stat().st_size


@pytest.mark.parametrize("file", ["model.safetensors", "model-00002-of-00002.safetensors"])
def test_weights_that_the_cache_lacks_must_be_downloaded(folder, monkeypatch, tmp_path, file):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--some--model" / "snapshots" / in_hub_cache(tmp_path, "some/model", folder)
    if "of" in file:
        (snapshot / "model.safetensors").unlink()
        names = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
        (snapshot / names[0]).write_bytes(b"")
        (snapshot / "model.safetensors.index.json").write_text(
            json.dumps({"weight_map": dict(zip("ab", names, strict=True))})
        )
    else:
        (snapshot / file).unlink()
    with pytest.raises(UnavailableError, match="not on this machine, and the hub is not contacted"):
        HubLoader(options("hf:some/model,offline=true")).allow_downloads(SILENT)


def test_cached_and_local_models_are_loaded_without_a_network(downloads):
    """Not even the libraries use it, in a process that has not loaded them before."""
    cached, _ = downloads.offline.splitlines()
    assert cached == downloads.commit


@pytest.mark.parametrize("path", ["no/such/folder", "a b", "x" * 200])
def test_an_impossible_model_id_is_reported(path):
    with pytest.raises(UnavailableError):
        build(ModelSpec("hf", (("path", path), ("offline", "true")))).load()


def test_a_model_is_identified_by_the_contents_of_its_files(folder, tmp_path):
    copied = shutil.copytree(folder, tmp_path / "copy")
    assert options(f"hf:{folder}").identity() == options(f"hf:{copied},device=cpu,offline=true").identity()
    config = copied / "config.json"
    config.write_text(config.read_text() + "\n")
    assert options(f"hf:{folder}").identity() != options(f"hf:{copied}").identity()
    assert options("hf:no-such-owner/no-such-model").identity()["path"] == "no-such-owner/no-such-model"


def test_memory_counts_if_it_decides_how_long_the_context_is(folder):
    def identities(options_of):
        return [digest(options(f"{options_of},memory={size}").identity()) for size in (1, 512)]

    assert len(set(identities(f"hf:{folder}"))) == 2
    assert len(set(identities(f"hf:{folder},context=32"))) == 1
    assert len(set(identities(f"mlm:{folder}"))) == 1


def test_bfloat16_on_a_cpu_without_its_instructions_is_announced(folder, monkeypatch):
    for has_them in (False, True):
        precision = torch.bfloat16 if has_them else torch.float32
        monkeypatch.setattr(device, "select_precision", lambda *_, precision=precision: precision)
        for dtype in ("float32", "bfloat16"):
            progress = Recorded()
            build(f"hf:{folder},dtype={dtype},device=cpu").load(progress)
            slow = [line for line in progress.notices if "many times slower than float32 on this CPU" in line]
            assert len(slow) == (dtype == "bfloat16" and not has_them)
