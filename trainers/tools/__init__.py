"""Tools around training: diagnosis, the ablation, measurements."""
