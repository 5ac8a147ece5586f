"""Measure a prior's samples at several strengths of classifier-free guidance, as the generation column measures them.

    python benchmarks/guidance.py mnist mnist-vq-1024x128-ar-small [--guidance 1 1.5 2 3] [--samples 5000]

PRIOR is a name of the registry or a folder; samples that are drawn stay in --work, and the same line goes on with them.
"""

import argparse
from pathlib import Path

from trainers.column.measure import Judge
from trainers.column.plan import DATASETS
from trainers.column.samples import draw
from vqzoo.generation.store import load_prior


def main() -> None:
    """Measure and print a row for each strength."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=DATASETS)
    parser.add_argument("prior")
    parser.add_argument("--guidance", nargs="+", type=float, default=[1, 1.5, 2, 3])
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--work", type=Path, default=Path("runs/guidance"))
    options = parser.parse_args()
    judge = Judge(options.dataset, options.work / "features")
    loaded = load_prior(options.prior)
    print(
        "| guidance | class agreement | FID of samples, SqueezeNet | s an image |\n| --: | --: | --: | --: |",
        flush=True,
    )
    for guidance in options.guidance:
        folder = options.work / "samples" / Path(options.prior).name / f"{guidance:g}"
        images, labels, seconds = draw(loaded, options.samples, folder, guidance)
        metrics = judge.measure(images, labels).metrics
        (low, high), fid = metrics["intervals"]["agreement"], metrics["intervals"]["fid_squeeze"]
        print(
            f"| {guidance:g} | {metrics['agreement']:.1%} ({low:.1%} to {high:.1%}) "
            f"| {metrics['fid_squeeze']:,.0f} ({fid[0]:,.0f} to {fid[1]:,.0f}) | {seconds:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
