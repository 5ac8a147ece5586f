"""Measure what priors generate from the tokens of each tokenizer: `python -m trainers.column run`."""
