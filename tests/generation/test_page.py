"""docs/generation.md: its tables are those of the rows, and verdicts need enough of them."""

import matplotlib
import pytest

from docs import generation
from vqzoo.generation.column import Row, read_rows

ROOT = generation.PAGE.parents[1]


def row(name: str, psnr: float, fid: float, samples: int = 5000, dataset: str = "cifar10") -> Row:
    return Row(
        f"{name}-ar-small",
        dataset,
        {"images": 192_000, "samples": samples},
        {"fid_squeeze": fid, "fid": None, "agreement": fid / 1000, "copies": 0.01, "intervals": {
            "fid_squeeze": [fid - 1, fid + 1], "agreement": [0, 1], "copies": [0, 0.02]}},
        {"name": name, "tokens": 64, "bits_per_image": 640.0, "psnr": psnr, "ssim": None, "lpips": None, "usage": 1.0,
         "perplexity": 10.0},
        {"kind": "ar-small", "prior_bits": 500 + fid, "uniform_bits": 640, "intervals": {"prior_bits": [0, 20]}},
        {"fid_squeeze": 10.0, "agreement": 0.9},
        {"image": 0.5},
    )  # fmt: skip


def test_the_page_and_its_figure_are_those_of_the_rows():
    """`python -m docs.generation` changes nothing."""
    text, rows = generation.PAGE.read_text(encoding="utf-8"), read_rows()
    assert generation.page(text, rows) == text
    if f"matplotlib=={matplotlib.__version__}" in (ROOT / "constraints.txt").read_text().splitlines():
        assert generation.FIGURE.read_text(encoding="utf-8") == generation.draw(generation.panels(rows))


def test_rank_correlations_by_hand():
    """Ranks 1 2 3 4 against 2 1 4 3: 1 - 6 x 4 / (4 x 15) = 0.6."""
    assert generation.correlation([1, 2, 3, 4], [20, 10, 40, 30]).rho == pytest.approx(0.6)
    assert generation.correlation([1, 1, 1, 1], [20, 10, 40, 30]).rho is None


def test_few_rows_get_no_verdict_and_many_do():
    few = generation.correlation(range(generation.ENOUGH - 1), range(generation.ENOUGH - 1))
    assert few.rho == pytest.approx(1) and few.low is None and few.verdict == "too few rows, 10 are needed"
    many = range(generation.ENOUGH)
    assert generation.correlation(many, [-n for n in many]).verdict == "falls with it"
    assert generation.correlation(many, many).verdict == "rises with it"
    assert generation.correlation(many, [0, 9, 1, 8, 2, 7, 3, 6, 4, 5]).verdict == "no relation shown"


def test_findings_come_from_enough_rows_that_were_measured_alike():
    rows = [row(f"cifar10-{number}", 20 + number, 900 - 10 * number) for number in range(9)]
    odd = row("cifar10-odd", 1, 1, samples=1000)
    status = generation.status([*rows, odd])
    assert "CIFAR-10 9, MNIST 0" in status and "1 with another prior" in status and "nothing is concluded" in status
    status = generation.status([*rows, row("cifar10-9", 29, 810), odd])
    assert "CIFAR-10 10" in status and "is -1.00 (-1.00 to -1.00), 10 rows: falls with it." in status
    assert "What predicts it best: PSNR of reconstructions, -1.00" in status
    assert generation.findings_table(rows) == "Rows so far: 9; no correlations are shown of fewer than 10."
    lines = generation.findings_table([*rows, row("cifar10-9", 29, 810)]).splitlines()
    assert lines[2].startswith("| PSNR of reconstructions | -1.00 (-1.00 to -1.00), 10 rows | falls with it |")
    assert lines[3].startswith("| SSIM of reconstructions | – (0 rows) | too few rows, 10 are needed |")


def test_a_table_has_the_best_row_first_and_real_images_before():
    rows = [row("cifar10-b", 20, 50), row("cifar10-a", 20, 40)]
    real = Row("cifar10-real", "cifar10", {}, rows[0].samples, {}, {}, {}, {})
    lines = generation.column_table([*rows, real], "cifar10").splitlines()[2:]
    assert [line.split(" | ")[0] for line in lines] == ["| *real test images*", "| cifar10-a", "| cifar10-b"]
    assert "| 540.0 ± 10.0 | 40 (39 to 41, rec. 10) | – | 4.0% (0.0% to 100.0%, rec. 90.0%) |" in lines[1]
    assert generation.column_table([real], "mnist") == "No tokenizer of MNIST is measured yet."
