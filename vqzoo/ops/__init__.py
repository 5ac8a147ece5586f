"""Pure functions of tensors; nothing here knows what a quantizer or an image tokenizer is."""
