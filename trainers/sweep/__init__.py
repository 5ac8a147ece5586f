"""Train many recipes, or one at many settings: `python -m trainers.sweep`."""
