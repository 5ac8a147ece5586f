"""The app, on this machine and as a Space: python app.py"""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import spaces  # noqa: E402, F401, I001  on a Space it has to come before torch
from vqzoo.ui.app import launch  # noqa: E402

if __name__ == "__main__":
    launch()
