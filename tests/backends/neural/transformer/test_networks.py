"""The networks: transformers' GPT-2 and GPT-NeoX, torch's layers, and that none sees what it predicts."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lmbench.backends.neural.transformer.decoder_export import gpt2_weights, neox_weights
from lmbench.backends.neural.transformer.networks import Decoder, EncoderDecoder, Shape

SHAPE = Shape(ids=11, context=8, layers=2, width=12, heads=3, dropout=0.1)

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_decoder_whose_blocks_add_nothing_is_a_bigram_of_its_embeddings():
    decoder = Decoder(Shape(ids=6, context=3, layers=1, width=4, heads=1, dropout=0.1)).eval()
    with torch.no_grad():
        for name, parameter in decoder.blocks.named_parameters():
            if "out" in name or "down" in name:
                parameter.zero_()
        logits = decoder(torch.tensor([[5, 0, 3]]), scored=3)[0].numpy()
        tokens, positions = decoder.tokens.weight.numpy(), decoder.positions.weight.numpy()
    x = tokens[[5, 0, 3]] + positions
    x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(logits, x @ tokens.T, rtol=1e-4, atol=1e-6)


def test_the_decoder_is_gpt2():
    """transformers' own GPT-2 returns the same log-probabilities with the same weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    decoder = Decoder(SHAPE).eval()
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)  # so that every bias and norm matters
    library = GPT2LMHeadModel(
        GPT2Config(vocab_size=11, n_positions=8, n_embd=12, n_layer=2, n_head=3, activation_function="gelu")
    ).eval()
    missing, unexpected = library.load_state_dict(gpt2_weights(decoder), strict=False)
    assert (missing, unexpected) == (["lm_head.weight"], [])  # it is tied to the embeddings
    ids = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6], [10, 0, 10, 7, 7, 0, 1, 2]])
    with torch.no_grad():
        ours, theirs = decoder(ids, 8).log_softmax(-1), library(ids).logits.log_softmax(-1)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-5)


def test_a_decoder_with_rotary_positions_is_gpt_neox():
    """transformers' own GPT-NeoX returns the same log-probabilities with the same weights."""
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    decoder = Decoder(dataclasses.replace(SHAPE, rotary=True)).eval()
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)  # so that every bias and norm matters
    config = GPTNeoXConfig(
        vocab_size=11, max_position_embeddings=8, hidden_size=12, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=3, use_parallel_residual=False, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 1.0},
    )  # fmt: skip
    library = GPTNeoXForCausalLM(config).eval()
    missing, unexpected = library.load_state_dict(neox_weights(decoder), strict=False)
    assert (missing, unexpected) == (["lm_head.weight"], [])  # it is tied to the embeddings
    ids = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6], [10, 0, 10, 7, 7, 0, 1, 2]])
    with torch.no_grad():
        ours, theirs = decoder(ids, 8).log_softmax(-1), library(ids).logits.log_softmax(-1)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-5)


def torch_layer(block, kind):
    """Return torch's own layer of a kind, with the norm before each part and the weights of a block."""
    layer = kind(12, 3, 48, activation=F.gelu, batch_first=True, norm_first=True)
    names = {"attention.out": "self_attn.out_proj", "feed_forward.up": "linear1", "feed_forward.down": "linear2"}
    norms = ["attention_norm", *(["cross_norm"] if block.cross else []), "feed_forward_norm"]
    names |= {name: f"norm{number}" for number, name in enumerate(norms, start=1)}
    weights = block.state_dict()
    renamed = {f"{new}.{part}": weights[f"{old}.{part}"] for old, new in names.items() for part in ("weight", "bias")}
    for part in ("weight", "bias"):
        renamed[f"self_attn.in_proj_{part}"] = weights[f"attention.qkv.{part}"]
        if block.cross:
            renamed[f"multihead_attn.in_proj_{part}"] = torch.cat(
                [weights[f"cross.query.{part}"], weights[f"cross.keys_values.{part}"]]
            )
            renamed[f"multihead_attn.out_proj.{part}"] = weights[f"cross.out.{part}"]
    layer.load_state_dict(renamed)
    return layer.eval()


def test_the_encoder_decoder_equals_torchs():
    """torch's own encoder and decoder layers return the same logits with the same weights."""
    torch.manual_seed(0)
    network = EncoderDecoder(SHAPE).eval()
    ids = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6], [10, 0, 10, 7, 7, 0, 1, 2]])
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)  # so that every bias and norm matters
        memory = network.tokens(ids[:, :5]) + network.encoder_positions.weight[:5]
        for block in network.encoder:
            memory = torch_layer(block, torch.nn.TransformerEncoderLayer)(memory)
        memory = network.encoder_norm(memory)
        x = network.tokens(ids[:, 5:]) + network.positions.weight[:3]
        later = torch.nn.Transformer.generate_square_subsequent_mask(3)
        for block in network.blocks:
            x = torch_layer(block, torch.nn.TransformerDecoderLayer)(x, memory, tgt_mask=later, tgt_is_causal=True)
        expected = network.norm(x) @ network.tokens.weight.T
        np.testing.assert_allclose(network(ids, 3).numpy(), expected.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("kind", "rotary"), [(Decoder, False), (Decoder, True), (EncoderDecoder, False)])
@pytest.mark.parametrize("before", [0, 5])
def test_states_do_not_depend_on_later_ids(kind, rotary, before):
    network, scored = kind(dataclasses.replace(SHAPE, rotary=rotary)).eval(), 3
    ids = torch.arange(before + scored)[None] % 11
    with torch.no_grad():
        whole = network(ids, scored)
        for position in range(before, before + scored):
            other = ids.clone()
            other[0, position] = 9
            changed = network(other, scored)
            first = position - before
            torch.testing.assert_close(changed[:, :first], whole[:, :first])
            assert not torch.allclose(changed[:, first], whole[:, first])


def test_the_encoder_reads_in_both_directions():
    network = EncoderDecoder(SHAPE).eval()
    ids = torch.tensor([[1, 2, 3, 4, 5]])
    with torch.no_grad():
        encoded = network._encode(ids)
        assert not torch.allclose(encoded[:, 0], network._encode(torch.tensor([[1, 2, 3, 4, 6]]))[:, 0])


@pytest.mark.parametrize("kind", [Decoder, EncoderDecoder])
def test_padding_at_the_end_changes_nothing(kind):
    network = kind(SHAPE).eval()
    with torch.no_grad():
        short = network(torch.tensor([[1, 2, 3, 4]]), 2 if kind is EncoderDecoder else 4)
        long = network(torch.tensor([[1, 2, 3, 4, 0, 0]]), 4 if kind is EncoderDecoder else 6)
    torch.testing.assert_close(long[:, : short.shape[1]], short)


@pytest.mark.parametrize("kind", [Decoder, EncoderDecoder])
def test_dropout_reaches_every_part_in_training_only(kind):
    """Nearly everything is dropped, so the last norm's bias is all that is left."""
    network = kind(dataclasses.replace(SHAPE, dropout=1 - 1e-9))
    with torch.no_grad():
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter)
        ids, left = torch.tensor([[1, 2, 3, 4, 5]]), network.norm.bias.expand(1, 3, 12)
        assert torch.equal(network.train().states(ids, 3), left)
        assert not torch.allclose(network.eval().states(ids, 3), left)


def test_first_weights_are_drawn_as_in_gpt2():
    torch.manual_seed(0)
    decoder = Decoder(Shape(ids=500, context=64, layers=8, width=64, heads=4, dropout=0))
    assert decoder.tokens.weight.std().item() == pytest.approx(0.02, rel=0.05)
    out = torch.cat([block.attention.out.weight.flatten() for block in decoder.blocks])
    assert out.std().item() == pytest.approx(0.02 / math.sqrt(16), rel=0.05)
    assert decoder.blocks[0].feed_forward.up.bias.abs().sum().item() == 0
