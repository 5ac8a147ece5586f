"""How images are read: choices that the command line and the data code share."""

from typing import Literal

Loading = Literal["auto", "memory", "mapped", "stream"]
Fit = Literal["crop", "pad", "squash"]
BAD_SHARE = 0.01
"""Largest share of unreadable images with which a split is used."""
