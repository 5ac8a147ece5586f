"""Train and measure rows of the studies: python -m vqzoo.studies run ROWS... ; the work is the trainer's."""

import runpy
import sys
from importlib.util import find_spec

if __name__ == "__main__":
    if find_spec("trainers") is None or find_spec("accelerate") is None:
        sys.exit(
            'error: rows are trained from a checkout of the repository, with its trainers: pip install -e ".[train]"'
        )
    runpy.run_module("trainers.studies", run_name="__main__", alter_sys=True)
