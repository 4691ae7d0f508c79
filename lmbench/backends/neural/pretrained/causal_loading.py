"""Loading a pretrained causal model: its tokenizer, its network, and the windows in which it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM

from lmbench.arrays import Ints
from lmbench.backends.neural.pretrained.allocator import return_freed_blocks
from lmbench.backends.neural.pretrained.causal_network import CausalNetwork
from lmbench.backends.neural.pretrained.causal_scorer import CausalScorer
from lmbench.backends.neural.pretrained.finite_logits import check_logits
from lmbench.backends.neural.pretrained.hub_model import HubLoader, naming_model, positions
from lmbench.backends.neural.pretrained.hub_tokenizer import HubTokenizer
from lmbench.errors import ScoreError, SpecError

if TYPE_CHECKING:
    from lmbench.backends.neural.pretrained.causal import HuggingFaceOptions

_DEFAULT_CONTEXT = 2048  # for models whose configuration does not limit the number of positions


def load_scorer(loader: HubLoader, options: HuggingFaceOptions) -> CausalScorer:
    """Load the tokenizer and the weights of a model.

    Raises:
        UnavailableError: They are missing or cannot be loaded.
        SpecError: The model cannot be scored with these options.
        ScoreError: It is not a causal model, or does not compute numbers.
    """
    tokenizer = HubTokenizer(loader.load_tokenizer())
    bos = _find_bos(tokenizer.tokenizer, options)
    model = loader.load_network(AutoModelForCausalLM)
    return_freed_blocks()
    with naming_model(options.title):
        _check_causal(model, options.title)
        network = CausalNetwork.prepare(model, options.memory)
        context = _choose_context(network, options)
    stride = options.stride or max(1, context // 2)
    batch_tokens = options.batch_tokens or network.batch_tokens
    return CausalScorer(tokenizer, network, bos, context, stride, batch_tokens, options.history)


def _find_bos(tokenizer: Any, options: HuggingFaceOptions) -> Ints:
    """Return the ids that precede every document.

    Raises:
        SpecError: BOS is asked for, but the tokenizer does not have a BOS or EOS token.
    """
    if options.bos == "none":
        return np.zeros(0, dtype=np.int64)
    for bos in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if bos is not None:
            return np.array([bos], dtype=np.int64)
    raise SpecError(f"the tokenizer of '{options.title}' does not have a BOS or EOS token; give bos=none")


def _choose_context(network: CausalNetwork, options: HuggingFaceOptions) -> int:
    """Return the number of tokens in a window.

    Raises:
        SpecError: The model reads fewer tokens at once, or the stride or the history is longer.
    """
    largest, stride = positions(network.model), options.stride
    context = options.context or min(largest or _DEFAULT_CONTEXT, network.window_tokens)
    if largest and context > largest:
        raise SpecError(f"a context of {context} is more than the {largest} positions of '{options.title}'")
    if stride > context:
        raise SpecError(f"a stride of {stride} skips tokens: it is longer than the context of {context}")
    if (history := options.history) is not None and history > context:
        raise SpecError(f"a history of {history} is more than the context of {context}")
    return int(context)


def _check_causal(model: Any, path: str) -> None:
    """Check that predictions are numbers and do not depend on the tokens that they predict. BERT loads as causal.

    Raises:
        ScoreError: They are not, or they do.
    """
    if positions(model) == 1:
        return
    with torch.inference_mode():
        ids = torch.tensor([[0, 0], [0, 1]], device=model.device)
        one, other = model(ids).logits[:, 0].float()
    check_logits(torch.stack([one, other]), model)
    if not torch.allclose(one, other, atol=1e-2):
        raise ScoreError(f"'{path}' reads the tokens that it should predict: it is not a causal language model")
