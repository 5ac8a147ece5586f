"""Files of tokenizers, on disk and on the Hugging Face Hub."""
