"""Priors: models of a tokenizer's sequences, which say how likely tokens are and draw new ones."""
