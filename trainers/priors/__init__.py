"""Training of priors: models of a tokenizer's sequences, on token sets."""
