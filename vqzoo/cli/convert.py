"""`vqzoo convert`: convert another project's checkpoint to a folder of vqzoo."""

from vqzoo.cli.arguments import Convert
from vqzoo.hub.foreign import write


def run(settings: Convert) -> int:
    """Convert a checkpoint; raise ValueError for a file of unknown origin or a folder that is not empty."""
    tokenizer = write(settings.source, settings.folder, settings.family, settings.resolution)
    names = ", ".join(quantizer.config["name"] for quantizer in tokenizer.quantizers)
    print(f"{settings.folder}: autoencoder {tokenizer.autoencoder.config['name']}, quantizer {names}")
    print(f"try it: vqzoo load-check {settings.folder}")
    return 0
