"""`vqzoo train`: train a tokenizer on the user's own images."""
