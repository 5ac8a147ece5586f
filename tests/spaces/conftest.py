"""The Space, staged as it is deployed."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def staged(tmp_path_factory) -> Path:
    """What `python spaces/deploy.py --output` writes."""
    folder = tmp_path_factory.mktemp("space") / "vqzoo"
    subprocess.run([sys.executable, "spaces/deploy.py", "--output", folder], cwd=ROOT, check=True, capture_output=True)
    return folder
