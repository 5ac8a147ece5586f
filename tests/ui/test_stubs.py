"""Gradio, imported as the app imports it, writes nothing beside the files that its components are of."""

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT


@pytest.mark.parametrize("first", ["", "leave_stubs_out()"])
def test_no_stub_is_written_for_a_component(tmp_path, first):
    (tmp_path / "own.py").write_text("import gradio as gr\n\n\nclass Own(gr.HTML):\n    pass\n")
    code = f"import sys; sys.path.append({str(tmp_path)!r})\nfrom vqzoo.ui.stubs import leave_stubs_out\n{first}\n"
    subprocess.run([sys.executable, "-c", f"{code}import own\nown.Own('')"], check=True, cwd=ROOT, timeout=120)
    written = [path.name for path in Path(tmp_path).glob("*.pyi")]
    assert written == ([] if first else ["own.pyi"]), "without, Gradio writes one: there is something to leave out"
