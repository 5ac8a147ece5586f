"""The page of studies in a real browser: a table reported beside measured, at matched rates, and the claims."""

import re

import pytest
from playwright.sync_api import Page, expect

expect.set_options(timeout=60_000)  # as the page fixture: a machine may be busy


@pytest.fixture
def studies(page) -> Page:
    page.get_by_role("tab", name="Studies", exact=True).click()
    page.locator("#studies-tabs [role=tab]").first.click()
    return page


def unfold(page: Page) -> None:
    if not page.locator("#studies-figure").is_visible():
        page.locator("#studies-tables button").first.click()
    page.locator("#studies-figure .js-plotly-plot").wait_for()


def choose(page: Page, study: str) -> None:
    page.locator("#studies-tabs").get_by_role("tab", name=study, exact=True).click()


def column(page: Page, position: int) -> list[str]:
    rows = page.locator("#studies-table [role=row]").all()
    cells = [row.locator("[role=gridcell]").all_inner_texts() for row in rows]
    return [row[position].strip() for row in cells if row]


def test_a_study_opens_on_its_verdicts_and_fits_two_screens(studies):
    claim = studies.locator(".claim[data-claim-id=C3]")
    expect(claim.locator(".verdict")).to_contain_text("holds")
    expect(claim.locator(".weak")).to_contain_text("Weak evidence")
    expect(claim.locator("svg")).to_be_visible()
    expect(claim.locator("table")).to_be_hidden()
    assert studies.evaluate("document.documentElement.scrollHeight") < 2000


def test_reported_stands_beside_measured_and_what_is_missing_is_told(studies):
    unfold(studies)
    settings, trained = column(studies, 0), column(studies, 9)
    assert settings[0] == "vq-vae 1024x128" and column(studies, 1)[0] == "23.32"
    assert trained[0] != "not trained yet"
    expect(studies.locator("#studies-note")).to_contain_text(f"of {len(settings)} settings are trained")
    studies.locator("#studies-number input").click()
    studies.get_by_role("option", name="Table 6").click()
    expect(studies.locator("#studies-dataset input")).to_have_value("ffhq")
    expect(studies.locator("#studies-note")).to_have_text(re.compile(r"^\s*0 of"))
    assert set(column(studies, 9)) == {"not trained yet"}


def test_another_study_opens_on_what_it_reports(studies):
    unfold(studies)
    choose(studies, "Adaptive dynamic quantization")
    expect(studies.locator("#studies-table")).to_contain_text("vq-ema-fixed 16384x4")
    expect(studies.locator("#studies-metric input")).to_have_value("sum of squared errors over batches")
    assert column(studies, 1)[0] == "0.606"


def test_rows_by_true_bits(studies):
    unfold(studies)
    studies.locator("#studies-number input").click()
    studies.get_by_role("option", name="Table 3").click()
    expect(studies.locator("#studies-table")).to_contain_text("looc 256x64, factor 2")
    studies.get_by_label("by true bits").check()
    figure = "document.querySelector('#studies-figure .js-plotly-plot')"
    studies.wait_for_function(f"{figure}._fullLayout.xaxis.type === 'log'")
    bits = [float(text.replace(",", "")) for text in column(studies, 7)]
    assert bits == sorted(bits) and len(set(bits)) > 3


def test_a_claim_opens_and_leads_to_its_figure(studies):
    claim = studies.locator(".claim[data-claim-id=C3]")
    claim.locator("summary").press("Enter")
    claim.get_by_role("button", name="Show Figure 5").click()
    expect(studies.locator("#studies-table")).to_contain_text("24.12%")
    expect(studies.locator("#studies-number input")).to_have_value("Figure 5")


def test_a_study_without_tables_shows_what_was_measured_of_it_and_its_claims(studies):
    choose(studies, "Residual vector quantization")
    unfold(studies)
    expect(studies.locator("#studies-table")).to_contain_text("ema-4x4 16x2")
    studies.locator("#studies-table .virtual-table-viewport").evaluate("table => table.scrollTo(0, table.scrollHeight)")
    expect(studies.locator("#studies-table")).to_contain_text("rvq-4x4 2x64 in 32 codebooks")
    studies.get_by_label("by true bits").check()
    studies.locator("#studies-table .virtual-table-viewport").evaluate("table => table.scrollTo(0, 0)")
    expect(studies.locator("#studies-table")).to_contain_text("rvq-4x4 2x64 in 4 codebooks")
    expect(studies.locator("#studies-number input")).to_have_value("Everything measured")
    expect(studies.locator("#claims-rvq .claim")).to_have_count(5)


def test_open_questions_are_there_to_be_read(studies):
    choose(studies, "Open questions")
    expect(studies.locator("#studies-open").get_by_role("cell", name="cifar10-fsq-8-5-5-5").first).to_be_visible()
