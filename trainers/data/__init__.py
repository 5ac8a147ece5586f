"""Training and test images."""
