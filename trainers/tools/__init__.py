"""Tools for trained models: diagnosis, evaluation on any images, the ablation."""
