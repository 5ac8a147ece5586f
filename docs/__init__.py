"""Scripts that make pages of the documentation, beside them."""
