"""Random numbers that do not depend on how many processes share a batch."""

import torch
import torch.distributed as dist
from torch import Tensor


def gumbel_softmax(logits: Tensor, temperature: float, hard: bool = False) -> Tensor:
    """Return softmax((logits + Gumbel noise) / temperature) over the last axis of logits (b, ..., K).

    With `hard` the values are one-hot and the gradient is that of the soft sample (Jang et al., 2017,
    arXiv:1611.01144).

    The noise of each image has a seed of its own, derived from one number of the global generator a call. Processes
    that start with the same seed and have equal shares of a batch therefore draw what one process draws for the whole
    batch.
    """
    soft = torch.softmax((logits + _gumbel(logits)) / temperature, -1)
    if not hard:
        return soft
    one_hot = torch.zeros_like(soft).scatter_(-1, soft.argmax(-1, keepdim=True), 1.0)
    return one_hot - soft.detach() + soft


def _gumbel(like: Tensor) -> Tensor:
    if torch.compiler.is_compiling():  # a graph cannot hold generators
        return -torch.empty_like(like).exponential_().log()
    first = dist.get_rank() * len(like) if dist.is_available() and dist.is_initialized() else 0
    seed = int(torch.randint(2**31, ()))
    generator = torch.Generator(like.device)
    noise = torch.empty_like(like)
    for number, image in enumerate(noise, first):
        image.exponential_(generator=generator.manual_seed(seed + number))
    return -noise.log()
