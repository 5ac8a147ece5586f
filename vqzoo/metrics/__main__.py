"""Download a network: python -m vqzoo.metrics inception (or alex, vgg).

rfid uses inception, from the releases of torch-fidelity, and needs that package: pip install torch-fidelity
LPIPS as a training loss can use alex or vgg, from torchvision's server. SqueezeNet is part of vqzoo.
"""

import argparse
import sys
from urllib.error import URLError

from vqzoo.metrics.fid import fetch_inception
from vqzoo.metrics.perceptual import BACKBONES, fetch

_INCEPTION = "inception"


def main(arguments: list[str]) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser("python -m vqzoo.metrics", description=__doc__)
    parser.add_argument("net", choices=[_INCEPTION, *BACKBONES])
    net = parser.parse_args(arguments).net
    try:
        if net == _INCEPTION:
            fetch_inception()
        else:
            fetch(net)
    except URLError as error:
        server = "torch-fidelity's releases" if net == _INCEPTION else "torchvision's server"
        print(f"error: {error.reason}; the weights come from {server}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
