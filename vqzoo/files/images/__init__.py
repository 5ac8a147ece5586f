"""Load an image file as pixels: the one way for the app, the command line, the trainer and evaluation."""

from vqzoo.files.images.limits import OWN_MACHINE, SPACE, ImageError, ImageLimits
from vqzoo.files.images.load import LoadedImage, fit, load_image

__all__ = ["OWN_MACHINE", "SPACE", "ImageError", "ImageLimits", "LoadedImage", "fit", "load_image"]
