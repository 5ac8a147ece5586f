"""`vqzoo convert`: another project's checkpoint as a folder of ours."""

from vqzoo.cli.arguments import Convert
from vqzoo.hub.foreign import write


def run(settings: Convert) -> int:
    """Raises ValueError for a file that is of no family, and for a folder that is not empty."""
    tokenizer = write(settings.source, settings.folder, settings.family, settings.resolution)
    names = ", ".join(quantizer.config["name"] for quantizer in tokenizer.quantizers)
    print(f"{settings.folder}: autoencoder {tokenizer.autoencoder.config['name']}, quantizer {names}")
    print(f"try it: vqzoo load-check {settings.folder}")
    return 0
