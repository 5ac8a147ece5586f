"""Read damaged .vqz files: what each is answered with, how long it takes, and the memory of all.

    python benchmarks/vqz_damaged.py [--number 2000] [--model cifar10-rvq-8x256]

Fails for anything but a ValueError of one line, for a file without a forged checksum that is read, for one that takes
over a minute, and where memory grows by more than 200 MB beside the tokenizer.
"""

import argparse
import resource
import time
from collections import Counter

import numpy as np
from damage import FORGED, damaged
from PIL import Image

from vqzoo.analysis.examples import examples
from vqzoo.hub.registry import load
from vqzoo.tokens.vqz import decompress
from vqzoo.views.vqz import shipped, write_photograph

MOST_MEGABYTES = 200


def main() -> None:
    """Read all and print the answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=2000)
    parser.add_argument("--model", default="cifar10-rvq-8x256")
    settings = parser.parse_args()
    tokenizer, of = load(settings.model), shipped(settings.model)
    with Image.open(next(iter(examples().values()))) as picture:
        pixels = np.asarray(picture.convert("RGB"))[:96, :96]
    data = write_photograph(tokenizer, of, pixels).data
    decompress(data, tokenizer, of)
    before, slowest, answers = _megabytes(), 0.0, Counter[str]()
    for way, file in damaged(data, settings.number):
        start = time.perf_counter()
        try:
            decompress(file, tokenizer, of)
            answer = "read as another picture"
            assert way in FORGED, f"{way}: it was read"
        except ValueError as error:
            answer = str(error)
            assert "\n" not in answer, answer
        slowest = max(slowest, time.perf_counter() - start)
        answers[f"{way}: {_short(answer)}"] += 1
    for answer, number in sorted(answers.items()):
        print(f"{number:5}  {answer}")
    grown = _megabytes() - before
    print(f"{settings.number:,} files; the slowest took {slowest:.1f} s; memory grew by {grown:.0f} MB")
    assert slowest < 60 and grown < MOST_MEGABYTES


def _short(answer: str) -> str:
    """Return an answer without its numbers, so that alike ones are counted together."""
    return "".join("#" if each.isdigit() else each for each in answer)[:100].replace("##", "#")


def _megabytes() -> float:
    """Return the largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
