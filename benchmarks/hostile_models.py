"""Attacks on the loading of pretrained models and ARPA files: hostile folders, each scored in a process with limits.

    python benchmarks/hostile_models.py
    python benchmarks/hostile_models.py --python /other/venv/bin/python --only index

Every attack changes a tiny valid model in a temporary folder and runs `lmbench score` on it. The right answer is to
refuse in one line that a terminal can print, or to score if the attack is harmless. Tracebacks, hangs, memory beyond
the limit, control characters and scores of other weights than those of the folder are faults. The times leave out the
import of the libraries.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

SCORED, REFUSED = "scored", "refused in one line"
TEXT = "the cat sat\n"
ESCAPES = "\x1b]0;owned\x07\x1b[2J\u202e\r\x9b31m"


@dataclass(frozen=True)
class Attack:
    """One change of a valid model.

    Attributes:
        name: Describes it.
        model: The scheme of the model: hf, mlm or arpa.
        change: Changes the model's folder in place.
        right: The right outcome; "" if scoring and refusing both are.
    """

    name: str
    model: str
    change: Callable[[Path], None]
    right: str = REFUSED


@dataclass(frozen=True)
class Outcome:
    """The end of one run.

    Attributes:
        kind: "scored", "refused in one line", or a fault.
        seconds: Time of the process.
        peak: Peak resident bytes.
        line: The last line of its output.
    """

    kind: str
    seconds: float
    peak: int
    line: str


def main() -> None:
    """Print a row for each attack, and the number of outcomes of each kind."""
    options = _parse_options()
    if options.serve:
        serve()
        return
    server = Server(options)
    tally: Counter[str] = Counter()
    faults, slowest, largest = [], 0.0, 0
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        valid = {"hf": write_causal(base / "causal"), "mlm": write_masked(base / "masked"), "arpa": write_arpa(base)}
        (base / "text.txt").write_text(TEXT)
        for attack in attacks():
            if options.only in attack.name:
                outcome = server.attempt(attack, valid[attack.model], base)
                tally[outcome.kind] += 1
                slowest, largest = max(slowest, outcome.seconds), max(largest, outcome.peak)
                wrong = outcome.kind != attack.right if attack.right else outcome.kind not in (SCORED, REFUSED)
                faults += [attack.name] * wrong
                mark = "FAULT" if wrong else "ok"
                size = f"{outcome.peak >> 20:5} MiB"
                print(f"{mark:5} {attack.model:4} {attack.name:44} {outcome.kind:20} {outcome.seconds:5.1f} s {size}")
                print(f"      {outcome.line[:150]}", flush=True)
    print(f"\n{sum(tally.values())} attempts, {len(faults)} faults: {', '.join(f'{n} {k}' for k, n in tally.items())}")
    print(f"slowest {slowest:.1f} s, largest {largest >> 20} MiB")


def attacks() -> Iterator[Attack]:
    """Yield every attack."""
    for model in ("hf", "mlm"):
        yield Attack("none: the valid model", model, lambda folder: None, SCORED)
        for name, change in (*_files(), *_references(), *_numbers(), *_texts()):
            yield Attack(name, model, change)
        for name, change in _harmless():
            yield Attack(name, model, change, "")
    yield Attack("none: the valid model", "arpa", lambda folder: None, SCORED)
    for name, change in _arpa_files():
        yield Attack(name, "arpa", change)


def _files() -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Yield attacks by files that are damaged or not regular."""
    for file in (
        "model.safetensors",
        "tokenizer.json",
        "config.json",
        "tokenizer_config.json",
        "generation_config.json",
    ):
        yield f"{file} is /dev/zero", lambda folder, file=file: _link(folder / file, "/dev/zero")
        yield f"{file} is a FIFO", lambda folder, file=file: _make_fifo(folder / file)
        yield f"{file} is nested deeply", lambda folder, file=file: _overwrite(folder / file, b'{"a":' + b"[" * 200_000)
        yield f"{file} is empty", lambda folder, file=file: _overwrite(folder / file, b"")
    yield "config.json has 100 MB", lambda folder: _pad(folder / "config.json", 100 << 20)
    yield "tokenizer_config.json has 100 MB", lambda folder: _pad(folder / "tokenizer_config.json", 100 << 20)
    yield "tokenizer.json is sparse with 5 GB", lambda folder: os.truncate(folder / "tokenizer.json", 5 << 30)
    yield "a header of 2^60 bytes", lambda folder: _patch_header(folder, struct.pack("<Q", 1 << 60))
    yield "a header of 2^63 bytes", lambda folder: _patch_header(folder, struct.pack("<Q", 1 << 63))
    yield "weights are cut off", lambda folder: os.truncate(folder / "model.safetensors", 20_000)
    yield "weights are noise", lambda folder: _overwrite(folder / "model.safetensors", os.urandom(100_000))
    yield "a tensor beyond the file's end", lambda folder: _overwrite(folder / "model.safetensors", _lying_header())
    yield "weights of a terabyte, sparse", _make_sparse_weights
    yield "no tokenizer files", _remove_tokenizer
    yield "an empty tokenizer.json", lambda folder: _overwrite(folder / "tokenizer.json", b"{}")
    yield "only an adapter", _make_adapter
    yield "only pickled weights", _pickle
    yield "no weights", lambda folder: (folder / "model.safetensors").unlink()


def _references() -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Yield attacks that load other files than those of the folder, or code."""
    yield "index: an absolute path", lambda folder: _move_weights(folder, absolute=True)
    yield "index: ../other", lambda folder: _move_weights(folder, absolute=False)
    yield "index: a number", lambda folder: _write_index(folder, 7)
    yield "index: a pickle", lambda folder: _write_index(folder, "pytorch_model.bin")
    yield "index: /dev/zero", lambda folder: _write_index(folder, "/dev/zero")
    yield "index: a link to /dev/zero", _index_of_link
    yield "transformers_weights: ../other", _explicit_weights
    yield "an adapter and weights", lambda folder: _overwrite(folder / "adapter_config.json", b"{}")
    yield (
        "auto_map of config.json",
        lambda folder: _set(
            folder, model_type="own", auto_map={"AutoConfig": "own.C", "AutoModelForCausalLM": "own.M"}
        ),
    )
    yield "a kernel of the hub", lambda folder: _set(folder, attn_implementation="some-owner/some-kernel")
    yield "fast_tokenizer_files: ../other", _foreign_tokenizer
    yield "vocab of tokenizer_config.json: a path", _foreign_vocabulary


def _numbers() -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Yield attacks by numbers that memory or time would be taken for."""
    names = ("num_hidden_layers", "n_layer"), ("max_position_embeddings", "n_positions"), ("hidden_size", "n_embd")
    for bert, gpt in (*names, ("num_attention_heads", "n_head"), ("intermediate_size", "n_inner")):
        for number in (1_000_000, 10**12, -1):
            yield f"{bert}={number}", lambda folder, keys=(bert, gpt), number=number: _set_either(folder, keys, number)
    for number in (1_000_000, 10**12, 10**30, -1, 0):
        yield f"vocab_size={number}", lambda folder, number=number: _set(folder, vocab_size=number)
    yield "num_labels=10^9", lambda folder: _set(folder, num_labels=10**9)
    yield (
        "a number of 5,000 digits",
        lambda folder: _overwrite(folder / "config.json", b'{"model_type": "gpt2", "n_layer": ' + b"9" * 5000 + b"}"),
    )
    yield "token id 4294967295", lambda folder: _set_token_id(folder, 4294967295)
    yield "token id 2000000000", lambda folder: _set_token_id(folder, 2_000_000_000)
    yield "a text that grows 8^10 times", _grow
    for value in (float("nan"), float("inf")):
        yield f"weights of {value}", lambda folder, value=value: _fill(folder, value)


def _texts() -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Yield attacks by the text of settings, which messages repeat."""
    yield "escapes in model_type", lambda folder: _set(folder, model_type=f"gpt{ESCAPES}")
    yield "escapes in architectures and dtype", lambda folder: _set(folder, dtype=f"float{ESCAPES}")
    yield "escapes in an index", lambda folder: _write_index(folder, f"a{ESCAPES}.safetensors")
    yield "escapes in a tensor's name", _rename_tensor
    yield "config.json is a list", lambda folder: _overwrite(folder / "config.json", b"[]")
    yield "a config of wrong types", lambda folder: _set(folder, vocab_size="many", layer_norm_epsilon=[], n_head={})


def _harmless() -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Yield oddities that may be scored or refused, but never crash or hang."""
    yield "another *.safetensors of noise", lambda folder: _overwrite(folder / "z.safetensors", os.urandom(10_000))
    yield (
        "pickled weights besides",
        lambda folder: _overwrite(folder / "pytorch_model.bin", b"cos\nsystem\n(S'id'\ntR."),
    )
    yield (
        "generation_config of wrong types",
        lambda folder: _overwrite(folder / "generation_config.json", b'{"eos_token_id": "x", "max_length": []}'),
    )
    yield "eos_token_id of 10^18", lambda folder: _set(folder, eos_token_id=10**18, pad_token_id=-(10**18))
    yield "model_max_length is a text", lambda folder: _set_tokenizer(folder, model_max_length="long")
    yield "model_max_length=-5", lambda folder: _set_tokenizer(folder, model_max_length=-5)
    yield "escapes in tokenizer_class", lambda folder: _set_tokenizer(folder, tokenizer_class=f"T{ESCAPES}")
    yield "escapes in a token", _rename_token
    yield "padding to 10^9 tokens", lambda folder: _patch(
        folder / "tokenizer.json",
        padding={
            "strategy": {"Fixed": 10**9}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
            "pad_type_id": 0, "pad_token": "a",
        },
    )  # fmt: skip
    yield (
        "truncation to 1 token",
        lambda folder: _patch(
            folder / "tokenizer.json",
            truncation={"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0},
        ),
    )
    yield (
        "a slow regular expression",
        lambda folder: _patch(
            folder / "tokenizer.json",
            pre_tokenizer={
                "type": "Split",
                "pattern": {"Regex": "(.*)*(.*)*(.*)*x"},
                "behavior": "Isolated",
                "invert": False,
            },
        ),
    )
    yield (
        "a chat template that loops",
        lambda folder: _overwrite(folder / "chat_template.jinja", b"{% for i in range(10**12) %}x{% endfor %}"),
    )
    yield "tokenizer_class of another library", lambda folder: _set_tokenizer(folder, tokenizer_class="RagTokenizer")
    yield "a config of another architecture", lambda folder: _set(folder, model_type="t5")
    yield (
        "vision_config and text_config",
        lambda folder: _set(folder, text_config=[], vision_config={"depths": [10**9]}),
    )
    yield (
        "attention_types of 10^9",
        lambda folder: _set(folder, model_type="gpt_neo", attention_types=[[["global"], 10**9]]),
    )
    yield "quantization_config", lambda folder: _set(folder, quantization_config={"quant_method": "gptq", "bits": 4})
    yield "256 layers", lambda folder: _set_either(folder, ("num_hidden_layers", "n_layer"), 256)
    yield "layer_types of 100,000 entries", lambda folder: _set(folder, layer_types=["full_attention"] * 100_000)
    yield "20,000 other files", lambda folder: [(folder / f"{i}.txt").touch() for i in range(20_000)] and None


def _arpa_files() -> Iterator[tuple[str, Callable[[Path], None]]]:
    yield "model is /dev/zero", lambda folder: _link(folder / "lm.arpa", "/dev/zero")
    yield "model is a FIFO", lambda folder: _make_fifo(folder / "lm.arpa")
    yield "model is empty", lambda folder: _overwrite(folder / "lm.arpa", b"")
    yield "model is noise", lambda folder: _overwrite(folder / "lm.arpa", os.urandom(100_000))
    yield "model is sparse with 5 GB", lambda folder: os.truncate(folder / "lm.arpa", 5 << 30)
    for count in (10**9, 10**18, 10**30, -1):
        yield f"ngram 1={count}", lambda folder, count=count: _replace(folder, "ngram 1=5", f"ngram 1={count}")
    yield "ngram 1000000=1", lambda folder: _replace(folder, "ngram 2=", "ngram 1000000=1\nngram 2=")
    yield "probabilities of nan", lambda folder: _replace(folder, "-0.7", "nan")
    yield "probabilities of inf", lambda folder: _replace(folder, "-0.7", "inf")
    yield "escapes in a number", lambda folder: _replace(folder, "-0.7", f"0{ESCAPES}")


def write_causal(folder: Path) -> Path:
    """Write a tiny GPT-2 with a byte-level tokenizer."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(["<|end|>", *alphabet])}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    torch.manual_seed(1)
    GPT2LMHeadModel(GPT2Config(vocab_size=257, n_layer=2, n_embd=32, n_head=2, n_positions=64)).save_pretrained(folder)
    special = {"bos_token": "<|end|>", "eos_token": "<|end|>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    return folder


def write_masked(folder: Path) -> Path:
    """Write a tiny BERT with a vocabulary of words."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat"]
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    torch.manual_seed(1)
    config = BertConfig(vocab_size=len(words), max_position_embeddings=64, **shape)
    BertForMaskedLM(config).save_pretrained(folder)
    special = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", **special).save_pretrained(folder)
    (folder / "generation_config.json").write_text("{}")
    return folder


def write_arpa(base: Path) -> Path:
    """Write a bigram model."""
    folder = base / "arpa"
    folder.mkdir()
    words = ["<unk>", "<s>", "</s>", "the", "cat"]
    unigrams = "\n".join(f"-0.7\t{word}\t-0.1" for word in words)
    text = f"\\data\\\nngram 1=5\nngram 2=1\n\n\\1-grams:\n{unigrams}\n\n\\2-grams:\n-0.2\tthe cat\n\n\\end\\\n"
    (folder / "lm.arpa").write_text(text)
    return folder


class Server:
    """A process of the attacked installation that has imported the libraries, and forks once for each attempt."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [options.python, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )

    def attempt(self, attack: Attack, valid: Path, base: Path) -> Outcome:
        """Run one attack on a copy of a valid model."""
        folder = base / "attacks" / attack.model
        shutil.rmtree(folder.parent, ignore_errors=True)
        shutil.copytree(valid, folder)
        attack.change(folder)
        path = folder / "lm.arpa" if attack.model == "arpa" else folder
        output = base / "output"
        arguments = ["lmbench", "score", f"{attack.model}:{path}", str(base / "text.txt")]
        request = [arguments, str(output), self._options.seconds, self._options.memory << 20]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        status, seconds, peak = json.loads(self._process.stdout.readline())
        text = output.read_bytes().decode(errors="replace")
        line = (text.strip().splitlines() or [""])[-1]
        return Outcome(_kind(status, text), seconds, peak, ascii(line)[1:-1])


def serve() -> None:
    """Answer the requests on the standard input."""
    [entry] = entry_points(group="console_scripts", name="lmbench")
    run_command = entry.load()
    for line in sys.stdin:
        arguments, output, seconds, memory = json.loads(line)
        start = time.monotonic()
        if not (child := os.fork()):
            _become(run_command, arguments, output, memory)
        status, peak = _wait(child, seconds)
        print(json.dumps([status, time.monotonic() - start, peak]), flush=True)


def _become(run_command: Callable[[], None], arguments: list[str], output: str, memory: int) -> None:
    """Run the command line in this process, and never return."""
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    sys.argv = arguments
    status: object = 1
    try:
        run_command()
        status = 0
    except SystemExit as stop:
        status = stop.code
    except BaseException:  # noqa: BLE001  (what Python would print is an outcome)
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else status is not None)


def _wait(child: int, seconds: float) -> tuple[int | None, int]:
    """Return the exit status, None if the time is over, and the peak of resident bytes."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status, usage = os.wait4(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), usage.ru_maxrss << 10
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    return None, os.wait4(child, 0)[2].ru_maxrss << 10


def _kind(status: int | None, text: str) -> str:
    if status is None:
        return "hang"
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    if "Traceback (most recent call last)" in text:
        return "traceback"
    if any(not (letter.isprintable() or letter in "\n\t") for letter in text):
        return "control characters"
    if status == 0:
        return SCORED
    return REFUSED if text.count("\n") == 1 else "several lines"


def _overwrite(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def _link(path: Path, target: str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _make_fifo(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def _pad(path: Path, size: int) -> None:
    settings = json.loads(path.read_text()) | {"padding_of_a_file": "x" * size}
    path.write_text(json.dumps(settings))


def _patch(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def _set(folder: Path, **values: Any) -> None:
    _patch(folder / "config.json", **values)


def _set_tokenizer(folder: Path, **values: Any) -> None:
    _patch(folder / "tokenizer_config.json", **values)


def _set_either(folder: Path, keys: tuple[str, str], number: int) -> None:
    config = json.loads((folder / "config.json").read_text())
    _set(folder, **{keys[0] if keys[0] in config else keys[1]: number})


def _patch_header(folder: Path, size: bytes) -> None:
    data = (folder / "model.safetensors").read_bytes()
    _overwrite(folder / "model.safetensors", size + data[8:])


def _lying_header() -> bytes:
    header = json.dumps({"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(64)


def _make_sparse_weights(folder: Path) -> None:
    """Write weights of a vocabulary of billions, all zero, which take no space on the disk."""
    rows, width = (1 << 40) // (4 * 32), 32
    header = {"transformer.wte.weight": {"dtype": "F32", "shape": [rows, width], "data_offsets": [0, 1 << 40]}}
    text = json.dumps(header).encode()
    _overwrite(folder / "model.safetensors", struct.pack("<Q", len(text)) + text)
    os.truncate(folder / "model.safetensors", 8 + len(text) + (1 << 40))
    _set(folder, vocab_size=rows)


def _remove_tokenizer(folder: Path) -> None:
    for file in (*folder.glob("tokenizer*"), *folder.glob("special*")):
        file.unlink()


def _make_adapter(folder: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        (folder / name).unlink()
    _overwrite(folder / "adapter_config.json", b'{"base_model_name_or_path": "gpt2", "peft_type": "LORA"}')


def _pickle(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def _write_index(folder: Path, target: object) -> None:
    with safe_open(folder / "model.safetensors", "pt") as file:
        names = list(file.keys())
    (folder / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": dict.fromkeys(names, target)}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def _move_weights(folder: Path, absolute: bool) -> None:
    other = folder.parent / "other.safetensors"
    shutil.copy(folder / "model.safetensors", other)
    _write_index(folder, str(other) if absolute else "../other.safetensors")
    save_file({"unrelated": torch.zeros(1)}, folder / "decoy.safetensors")


def _index_of_link(folder: Path) -> None:
    _write_index(folder, "weights.safetensors")
    (folder / "weights.safetensors").symlink_to("/dev/zero")


def _explicit_weights(folder: Path) -> None:
    shutil.copy(folder / "model.safetensors", folder.parent / "other.safetensors")
    _set(folder, transformers_weights="../other.safetensors")


def _foreign_tokenizer(folder: Path) -> None:
    shutil.move(folder / "tokenizer.json", folder.parent / "tokenizer.4.0.0.json")
    (folder / "vocab.txt").write_text("x\n")
    _set_tokenizer(folder, fast_tokenizer_files=["../tokenizer.4.0.0.json"])


def _foreign_vocabulary(folder: Path) -> None:
    stored = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    (folder.parent / "vocab.json").write_text(json.dumps(stored))
    (folder.parent / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.other").write_text("x\n")
    places = {"vocab": str(folder.parent / "vocab.json"), "merges": str(folder.parent / "merges.txt")}
    _set_tokenizer(folder, tokenizer_class="GPT2Tokenizer", **places)


def _set_token_id(folder: Path, number: int) -> None:
    stored = json.loads((folder / "tokenizer.json").read_text())
    token = "the" if "the" in stored["model"]["vocab"] else "t"
    stored["model"]["vocab"][token] = number
    (folder / "tokenizer.json").write_text(json.dumps(stored))


def _rename_token(folder: Path) -> None:
    stored = json.loads((folder / "tokenizer.json").read_text())
    for added in stored["added_tokens"]:
        added["content"] += ESCAPES
    (folder / "tokenizer.json").write_text(json.dumps(stored))


def _rename_tensor(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    name = sorted(tensors)[0]
    tensors[name + ESCAPES] = tensors.pop(name)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def _grow(folder: Path) -> None:
    replace = {"type": "Replace", "pattern": {"String": "t"}, "content": "t" * 8}
    _patch(folder / "tokenizer.json", normalizer={"type": "Sequence", "normalizers": [replace] * 10})


def _fill(folder: Path, value: float) -> None:
    tensors = load_file(folder / "model.safetensors")
    filled = {name: torch.full_like(tensor, value) for name, tensor in tensors.items() if "norm" not in name.lower()}
    save_file(tensors | filled, folder / "model.safetensors", {"format": "pt"})


def _replace(folder: Path, old: str, new: str) -> None:
    path = folder / "lm.arpa"
    path.write_text(path.read_text().replace(old, new))


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="Python of the attacked lmbench (default: this one)")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=30.0, help="time limit of each attempt")
    parser.add_argument("--memory", type=int, default=6144, help="address space of each attempt in MiB")
    parser.add_argument("--only", default="", help="run only the attacks whose names contain this")
    return parser.parse_args()


if __name__ == "__main__":
    main()
