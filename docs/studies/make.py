"""Make the pages and figures of this folder anew from its CSV, curves and claims: python docs/studies/make.py"""

from pathlib import Path

from vqzoo.analysis.measured import measured_codecs
from vqzoo.ops.text import with_table
from vqzoo.studies import STUDIES
from vqzoo.studies.claims import claims
from vqzoo.studies.curves import read_curves
from vqzoo.studies.outside import outside
from vqzoo.studies.pages import claims_table, figures, protocols_table, study_page
from vqzoo.studies.results import read_results

HERE = Path(__file__).parent


def pages() -> dict[str, str]:
    """File name -> text, of all that is made here."""
    lines, curves, codecs = read_results(), read_curves(), measured_codecs()
    found = {f"{study}.md": study_page(study, lines, curves, codecs, outside) for study in STUDIES}
    text = (HERE / "README.md").read_text(encoding="utf-8")
    text = with_table(text, "claims", claims_table(claims()))
    return found | figures(lines) | {"README.md": with_table(text, "protocols", protocols_table(lines))}


if __name__ == "__main__":
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")
