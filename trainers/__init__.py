"""Train, evaluate and measure tokenizers."""
