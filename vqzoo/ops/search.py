"""The best codevector of each latent on a CPU, as one operator for eager mode and compiled graphs."""

import ctypes
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

_SINGLE_THREADED = 2**15 - 1  # torch starts no threads for operations on so few numbers
_COPIED = 2**21  # numbers of a codebook copied at a time: 8 MiB
_CACHED = 2**18  # numbers of a codebook that stay in the cache: 1 MiB, at most half a core's
_WORTH_A_THREAD = 2**22  # products: about 0.1 ms, several times the cost of waking a thread


def search(latents: Tensor, codebook: Tensor, bias: Tensor | None, metric: str) -> Tensor:
    """Return the index of the best codevector of each latent; the lowest index wins ties.

    latents (n, d), codebook (k, d), bias (k,), all float32 -> (n,) int64. `metric` is "l2" or "cosine" as in
    `lookup.nearest`, without a bias, or "product" as in `lookup.highest`.
    """
    _check(latents, codebook, bias)
    step = max(256, _COPIED // codebook.shape[1])
    result = _Search(latents.contiguous())
    for start in range(0, len(codebook), step):
        part, scores = codebook[start : start + step].contiguous(), None if bias is None else bias[start : start + step]
        if metric == "l2":
            # argmin |z - e|^2 = argmax z.e - |e|^2 / 2: the term |z|^2 is the same for every codevector.
            scores = _by_rows(part, part.new_empty(len(part)), _half_square)
        elif metric == "cosine":  # the length of a latent does not affect its arg-max
            part = _by_rows(part, torch.empty_like(part), F.normalize)
        result.update(part, part.new_zeros(len(part)) if scores is None else scores.contiguous(), start)
    return result.indices[: len(latents)]


torch.library.define("vqzoo::search", "(Tensor latents, Tensor codebook, Tensor? bias, str metric) -> Tensor")
torch.library.impl("vqzoo::search", "cpu", search)


@torch.library.register_fake("vqzoo::search")
def _(latents: Tensor, codebook: Tensor, bias: Tensor | None, metric: str) -> Tensor:
    return latents.new_empty(latents.shape[0], dtype=torch.int64)


class _Search:
    """The best value and index so far of each latent."""

    def __init__(self, latents: Tensor):
        from vqzoo.ops.kernel import kernel  # imported here because a GPU does not need LLVM

        self.kernel, self.latents = kernel(), latents
        self.blocks = -(-len(latents) // self.kernel.block)
        self.values = latents.new_empty(self.blocks * self.kernel.block)
        self.indices = torch.empty(self.blocks * self.kernel.block, dtype=torch.int64)

    def update(self, codebook: Tensor, bias: Tensor, start: int) -> None:
        """Compare the latents with codevectors (k, d), the first of which has index `start`."""
        if len(codebook) < self.kernel.rows:  # repeat the last one: a later equal score changes nothing
            rows = torch.arange(self.kernel.rows).clamp(max=len(codebook) - 1)
            codebook, bias = codebook[rows], bias[rows]
        (n, dim), k = self.latents.shape, len(codebook)
        threads = min(torch.get_num_threads(), self.blocks, n * k * dim // _WORTH_A_THREAD)
        run = max(1, min(16, self.blocks // (8 * max(1, threads))))  # blocks; eight runs a thread balance the load
        next_run = ctypes.c_int64(0)

        def work() -> None:
            scratch = torch.empty(dim * self.kernel.block)
            tensors = (self.latents, codebook, bias, self.values, self.indices)
            addresses = (*(each.data_ptr() for each in tensors), ctypes.addressof(next_run), scratch.data_ptr())
            self.kernel.search(*addresses, n, k, dim, start, max(256, _CACHED // dim), run)

        _on_threads(work, threads)


def _on_threads(work: Callable[[], None], threads: int) -> None:
    """Run `work`, which takes tasks until none is left, on this thread and on `threads - 1` others.

    No thread waits for another to start, which on a busy machine may take longer than all of the work.
    """
    flush = sys.float_info.min / 2 == 0  # the state of torch.set_flush_denormal, which is one per thread

    def work_alike() -> None:
        torch.set_flush_denormal(flush)
        work()

    helpers = [_pool(torch.get_num_threads() - 1).submit(work_alike) for _ in range(threads - 1)]
    work()
    for helper in helpers:
        if not helper.cancel():
            helper.result()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "vqzoo-search")


if hasattr(os, "register_at_fork"):  # a forked process inherits the pools without their threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


def _by_rows(codebook: Tensor, result: Tensor, function: Callable[..., Tensor]) -> Tensor:
    """Compute function(codebook, out=result) on few rows at a time, so that torch starts no threads."""
    rows = max(1, _SINGLE_THREADED // codebook.shape[1])
    for piece, out in zip(codebook.split(rows), result.split(rows), strict=True):
        function(piece, out=out)
    return result


def _half_square(codevectors: Tensor, out: Tensor) -> Tensor:
    return torch.sum(codevectors.square(), 1, out=out).mul_(-0.5)


def _check(latents: Tensor, codebook: Tensor, bias: Tensor | None) -> None:
    """Raise ValueError for tensors that do not fit: the kernel reads memory by address, without checks."""
    tensors = [latents, codebook, *([] if bias is None else [bias])]
    shapes = [tuple(each.shape) for each in tensors]
    fit = latents.ndim == 2 and codebook.ndim == 2 and latents.shape[1] == codebook.shape[1] > 0 and len(codebook) > 0
    if not fit or shapes[2:] not in ([], [(len(codebook),)]) or {each.dtype for each in tensors} != {torch.float32}:
        given = ", ".join(f"{shape} {each.dtype}" for shape, each in zip(shapes, tensors, strict=True))
        raise ValueError(f"latents, codebook, bias are {given}: expected (n, d), (k, d), (k,), all float32")
