"""How the commands of the trainer end on a user's mistake."""

import sys


def fail(error: Exception) -> int:
    """Print an error as one line on standard error and return the exit code 1."""
    print("error:", " ".join(str(error).split()), file=sys.stderr)
    return 1
