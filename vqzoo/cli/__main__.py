"""Run `python -m vqzoo.cli`, the command `vqzoo` where it is not on the path."""

import sys

from vqzoo.cli import main

sys.exit(main())
