"""How training images are read: the choices that the command line and the data share."""

from typing import Literal

Loading = Literal["auto", "memory", "mapped", "stream"]
Fit = Literal["crop", "pad", "squash"]
BAD_SHARE = 0.01
"""Share of unreadable images up to which a split is used."""
