"""Files of tokenizers: JSON, safetensors, folders on disk, and repositories on the Hugging Face Hub."""
