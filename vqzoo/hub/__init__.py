"""Sources of tokenizers: the checkout's model_cards/, local folders, and the Hugging Face Hub."""
