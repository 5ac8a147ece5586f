"""The configuration of a small Llama, the network of autoregressive priors."""

from transformers import LlamaConfig

from vqzoo.ops.check import check_int


def llama(width: int, depth: int, heads: int, vocabulary_size: int, length: int) -> LlamaConfig:
    """Return the configuration of a Llama; ValueError for settings that do not fit."""
    check_int("heads", heads, 1, 256)
    check_int("depth", depth, 1, 256)
    if check_int("width", width, 2, 65536) % (2 * heads):
        raise ValueError(f"width={width}: expected a multiple of {2 * heads}, twice heads={heads}")
    return LlamaConfig(
        vocab_size=vocabulary_size,
        hidden_size=width,
        intermediate_size=-(-8 * width // 3 // 32) * 32,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        max_position_embeddings=length,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,  # the embedding of `pad` is learned: it stands for an image without a class
    )
