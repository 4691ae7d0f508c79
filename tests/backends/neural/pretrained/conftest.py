"""A tiny GPT-2 in a folder that a test may change."""

import shutil

import pytest

from tests.checkpoints import BOS, byte_level, gpt2, save


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    tokenizer = byte_level()
    path = tmp_path_factory.mktemp("gpt2")
    return save(path, gpt2(tokenizer.get_vocab_size()), tokenizer, bos_token=BOS, eos_token=BOS)


@pytest.fixture
def folder(original, tmp_path):
    return shutil.copytree(original, tmp_path / "model")
