"""Training on somebody's own images: what `vqzoo train` does."""
