"""The page of studies, without Gradio."""

import re
from dataclasses import replace

import pytest

from vqzoo.studies import STUDIES
from vqzoo.studies.claims import claims
from vqzoo.studies.results import Result, read_results, write_results
from vqzoo.studies.settings import Setting
from vqzoo.views import claims as page
from vqzoo.views import studies
from vqzoo.views.claim_chart import chart
from vqzoo.views.claims import claims_html, verdict_counts, weakness
from vqzoo.views.studies import MISSING, ORDERS, compared, figure, summary, table_record, table_rows

VQ = Setting("looc", "cifar10", "vq-vae", 1024, 128)


def result(budget="short", seed=1, protocol="lossless", lpips_network="", setting=VQ, **numbers):
    said = {"seed": seed, "share": 0.25, **numbers}
    return Result("some-run", setting, budget, protocol, said, lpips_network)


def row_of(shown, setting=VQ):
    return next(each for each in shown if each.row.setting == setting)


def test_open_questions_come_without_title_and_links(monkeypatch, tmp_path):
    monkeypatch.setattr(studies, "PATH", tmp_path / "results.csv")
    (tmp_path / "open.md").write_text("# Title\n\nSee [the file](a.csv).\n\n## Why?\n\nBecause.\n")
    assert studies.open_questions() == "\nSee the file.\n\n#### Why?\n\nBecause.\n"


def test_a_setting_without_a_run_says_so():
    shown = compared("looc", "5", "cifar10", "psnr", ORDERS[0], [])
    assert summary(shown) == "0 of 10 settings are trained here."
    assert table_rows(shown, "psnr")[0] == ["vq-vae 1024x128", "23.32", *5 * ["–"], "640", "2.6%", MISSING]


def test_reported_beside_the_mean_of_the_seeds():
    lines = [result(seed=1, psnr=22.0), result(seed=2, psnr=23.0)]
    shown = compared("looc", "5", "cifar10", "psnr", ORDERS[0], lines)
    cells = table_rows([row_of(shown)], "psnr")[0]
    assert cells[1:7] == ["23.32", "–", "22.5", "–", "–", "-0.82"] and cells[-1] == "25.0% of full, 2 seeds"
    assert summary(shown) == "1 of 10 settings are trained here, measured by protocol lossless."


def test_budgets_stand_beside_each_other_and_the_longest_is_compared():
    lines = [result(budget, psnr=psnr) for budget, psnr in {"zoo": 10, "full": 24, "short": 20, "long": 22}.items()]
    each = row_of(compared("looc", "5", "cifar10", "psnr", ORDERS[0], lines))
    assert each.measured == 24.0 and each.values == {"zoo": 10.0, "short": 20.0, "long": 22.0, "full": 24.0}
    assert table_rows([each], "psnr")[0][1:7] == ["23.32", "10", "20", "22", "24", "+0.68"]
    assert table_rows([each], "psnr")[0][-1] == "full, 1 seed"


def test_a_longer_training_without_the_measure_does_not_give_way_to_a_shorter():
    each = row_of(
        compared("looc", "5", "cifar10", "ssim", ORDERS[0], [result("short", ssim=0.5), result("full", psnr=24.0)])
    )
    assert each.values == {"short": 0.5} and each.measured is None and each.difference is None


def test_protocols_are_not_mixed():
    """The papers' own where there is one: their table is measured by it."""
    lines = [result(psnr=20.0), result(protocol="cvq-jpeg", psnr=30.0)]
    assert row_of(compared("looc", "5", "cifar10", "psnr", ORDERS[0], lines)).measured == 30.0
    assert row_of(compared("looc", "5", "cifar10", "psnr", ORDERS[0], lines[:1])).measured == 20.0
    fixed = Setting("adaptive", "cifar10", "vq-ema-fixed", 8192, 8)
    lines = [result(setting=fixed, psnr=20.0), result(setting=fixed, protocol="cvq-jpeg", psnr=30.0)]
    assert row_of(compared("adaptive", "1", "cifar10", "psnr", ORDERS[0], lines), fixed).measured == 20.0


def test_the_best_single_codebook_is_found():
    sizes = {16384: 0.6, 8192: 0.5, 512: 0.9}
    lines = [
        result(setting=Setting("adaptive", "cifar10", "vq-ema-fixed", size, 65536 // size), reconstruction_loss=loss)
        for size, loss in sizes.items()
    ]
    best = Setting("adaptive", "cifar10", "best-fixed")
    each = row_of(compared("adaptive", "2", "cifar10", "reconstruction_loss", ORDERS[0], lines), best)
    assert each.reported == 0.503 and each.measured == 0.5


@pytest.mark.parametrize(("network", "measured"), [("lpips-squeeze-v0.1", None), ("lpips-vgg-v0.1", 0.25)])
def test_lpips_of_another_network_is_not_compared(network, measured):
    lines = [result(lpips=0.25, lpips_network=network)]
    assert row_of(compared("looc", "5", "cifar10", "lpips", ORDERS[0], lines)).measured == measured


def test_true_bits_order_the_rows_and_measured_ones_come_first():
    bits = [each.bits for each in compared("looc", "5", "cifar10", "psnr", "by true bits", [])]
    assert bits == sorted(bits) and bits[0] == 640 and bits[-1] == 81_920
    each = row_of(compared("looc", "5", "cifar10", "psnr", ORDERS[0], [result(psnr=1.0, bits_per_image=123.0)]))
    assert each.bits == 123.0
    unknown = compared("looc", "8", "cifar10", "psnr", "by true bits", [])
    assert unknown[-1].bits is None and table_rows(unknown, "psnr")[-1][7] == "not known"


def test_the_figure_shows_both():
    shown = compared("looc", "5", "cifar10", "psnr", ORDERS[0], [result(psnr=21.0)])
    drawn = {trace.name: dict(zip(trace.x, trace.y, strict=True)) for trace in figure(shown, "psnr", ORDERS[0]).data}
    assert drawn["short"] == {"vq-vae 1024x128": 21.0}
    assert len(drawn["reported"]) == 10 and drawn["reported"]["looc 1024x4, factor 2"] == 36.38
    by_bits = figure(shown, "psnr", "by true bits")
    assert list(by_bits.data[1].x) == [640] and by_bits.layout.xaxis.type == "log"


def test_every_table_can_be_shown_in_every_order_and_measure():
    for study in STUDIES:
        for table in studies.study_tables(study):
            for dataset in studies.table_datasets(study, table):
                for metric in studies.table_metrics(study, table):
                    for order in ORDERS:
                        shown = compared(study, table, dataset, metric, order)
                        assert shown and len(table_rows(shown, metric)) == len(shown)
                        figure(shown, metric, order).to_json()


def test_everything_measured_has_the_settings_that_no_table_has():
    """Beside what is reported of a setting, but for LPIPS, which is another network's."""
    plain = Setting("looc", "cifar10", "looc", 256, 4, 1, 1)
    network = "lpips-squeeze-v0.1"
    lines = [result(psnr=20.0, lpips=0.5, lpips_network=network), result(setting=plain, psnr=21.0)]
    shown = compared(
        "looc", "all", "cifar10", "psnr", ORDERS[0], [*lines, result(setting=plain._replace(source="rvq"))]
    )
    assert [each.row.setting for each in shown] == [VQ, plain]
    assert [(each.reported, each.measured) for each in shown] == [(23.32, 20.0), (None, 21.0)]
    (lpips, _) = compared("looc", "all", "cifar10", "lpips", ORDERS[0], lines)
    assert (lpips.reported, lpips.measured) == (None, 0.5)


def test_a_study_without_tables_shows_what_was_measured_of_it():
    assert studies.study_tables("rvq") == ["all"] and studies.study_tables("looc")[-1] == "all"
    assert {"psnr", "lpips", "usage"} < {*studies.table_metrics("rvq", "all")}
    assert studies.table_label("all") == "Everything measured"


def test_an_installation_without_a_checkout_has_claims_and_tables(monkeypatch, tmp_path):
    """Nothing that was measured is there, as docs/ is no part of the package."""
    monkeypatch.setattr(studies, "PATH", tmp_path / "results.csv")
    monkeypatch.setattr(studies, "read_results", lambda: read_results(studies.PATH))
    assert studies.study_tables("rvq") == [] and "all" not in studies.study_tables("looc")
    assert "<b>C1</b>" in claims_html("looc") and "<td>" not in claims_html("looc")
    write_results([result(setting=Setting("rvq", "cifar10", "rvq-4x4"), psnr=1.0)], studies.PATH)
    assert studies.study_tables("rvq") == ["all"], "read again when it has changed"


def test_the_record_is_plain_data():
    first = table_record("looc", "5", "cifar10", "psnr")[0]
    assert first["setting"]["method"] == "vq-vae" and first["reported"] == 23.32 and first["true_bits"] == 640


def test_every_claim_is_shown_with_a_verdict_in_words():
    for study in STUDIES:
        html = claims_html(study)
        for claim in claims():
            assert (f"<b>{claim.id}</b>" in html) == (claim.study == study)
            if claim.study == study:
                assert page._WORDS[claim.verdict] in html
    assert "24 claims of 4 studies" in verdict_counts()
    assert verdict_counts("rvq") == "Of 5 claims: 1 holds, 4 hold only under a condition."


def test_what_a_claim_says_is_text(monkeypatch):
    evil = [replace(claim, claim="<script>", because="<script>", command="<script>") for claim in claims()]
    monkeypatch.setattr(page, "claims", lambda: evil)
    assert "<script>" not in claims_html("looc")


def test_a_claims_figure_is_a_view_that_has_its_measure():
    with_figure = [claim for claim in claims() if claim.figure]
    assert with_figure
    for claim in with_figure:
        study, table, dataset, metric = page.claim_figure(claim.id)
        shown = compared(study, table, dataset, metric, ORDERS[0])
        if table == "all":
            assert any(each.values for each in shown), claim.id
        else:
            assert any(each.reported is not None for each in shown), claim.id


def test_weak_evidence_is_named_first():
    other = VQ._replace(codebook_size=512)
    brief = [result(seed=seed, share=0.001) for seed in (1, 2)]
    assert weakness(brief) == "Weak evidence: no setting had more than 0.10% of the paper's training."
    long = [result("long", seed=1, share=0.5, setting=other)]
    some = "Weak evidence: 1 of 2 settings had less than 5% of the paper's training; 1 of 2 settings rest on one seed."
    assert weakness([*brief, *long]) == some
    assert weakness([result("full", seed=seed, share=1.0) for seed in (1, 2)]) == ""
    assert weakness([]) == "Nothing was measured here."
    html = claims_html("rvq")
    assert html.index("Weak evidence") < html.index("<b>B1</b>")


def test_the_picture_of_a_claim_has_each_value_at_its_height():
    shown = compared("looc", "5", "cifar10", "psnr", ORDERS[0], [result(psnr=36.38)])
    drawn = chart(shown, "psnr", "cifar10")
    assert drawn.count('class="reported"') == 10 and drawn.count('class="measured"') == 1
    assert "vq-vae 1024x128, measured: 36.38</title><circle" in drawn
    heights = re.findall(r'cy="([\d.]+)"', drawn)
    assert heights == ["10.0"], "the highest value is at the top, as high as the largest reported one"
    assert chart(compared("rvq", "all", "cifar10", "psnr", ORDERS[0], []), "psnr", "cifar10") == ""
