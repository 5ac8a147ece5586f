"""The app in a window of its own, through pywebview: an optional extra.

The window is another process than the app: it brings a browser and a graphics driver along, whose LLVM and torch's do
not bear each other (Mesa's, on Linux, ends the process when torch is imported).
"""

import importlib.util
import subprocess
import sys

TITLE = "vqzoo"


def check() -> None:
    """Exit with an error message if pywebview is not installed."""
    if importlib.util.find_spec("webview") is None:
        sys.exit("error: a window of its own needs pywebview: pip install 'vqzoo[desktop]', or leave --desktop out")


def show(url: str) -> None:
    """Open the window and return when it is closed; exit with its status if it could not be opened."""
    if status := subprocess.run([sys.executable, "-m", __name__, url], check=False).returncode:
        sys.exit(status)


def _window(url: str) -> None:
    """Run the window until it is closed; exit with an error message without a display."""
    import webview

    webview.create_window(TITLE, url, width=1400, height=1000, min_size=(360, 480), text_select=True)
    try:
        webview.start(private_mode=False)  # the choice between light and dark is kept
    except webview.WebViewException as error:
        sys.exit(f"error: no window can be opened here ({error}); leave --desktop out and use a browser: {url}")


if __name__ == "__main__":
    _window(sys.argv[1])
