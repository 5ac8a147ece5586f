"""The app, on this machine and as a Space: python app.py, or python app.py --desktop for a window of its own."""

from vqzoo.ui.start import start

if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--desktop", action="store_true", help="a window of its own; closing it ends the app")
    start(parser.parse_args().desktop)
