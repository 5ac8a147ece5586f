"""Where tokenizers live: the checkout's model_cards/, a local folder, the Hugging Face Hub."""
