"""One way from a picture file to pixels, for the app, the command line, the trainer and evaluation."""

from vqzoo.images.limits import OWN_MACHINE, SPACE, ImageError, ImageLimits
from vqzoo.images.load import LoadedImage, fit, load_image

__all__ = ["OWN_MACHINE", "SPACE", "ImageError", "ImageLimits", "LoadedImage", "fit", "load_image"]
