"""What leaves the tokenizer: token sets on disk, sequences for generators, and compressed files."""
