"""Baselines without a network: PCA and k-means of blocks of pixels."""
