"""Fetch what LPIPS needs, once, from torchvision's server: python -m vqzoo.metrics squeeze (or alex, or vgg)"""

import argparse
import sys
from typing import get_args
from urllib.error import URLError

from vqzoo.metrics.perceptual import Net, fetch


def main(arguments: list[str]) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser("python -m vqzoo.metrics", description=__doc__)
    parser.add_argument("net", choices=get_args(Net))
    try:
        fetch(parser.parse_args(arguments).net)
    except URLError as error:
        print(f"error: {error.reason}; the weights come from torchvision's server", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
