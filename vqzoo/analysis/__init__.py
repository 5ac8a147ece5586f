"""What a trained tokenizer is like: measured over data sets and on single photographs."""
