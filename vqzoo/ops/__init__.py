"""Operations on tensors, and checks of arguments, that know nothing of quantizers or image tokenizers."""
