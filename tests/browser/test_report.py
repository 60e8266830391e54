"""The report page in a real browser: all is there without a network, with keys alone, on a phone, in the dark."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from pipeline.layout import CATALOGUE


@pytest.fixture(scope="module")
def report(home: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of the small build's report."""
    from pipeline.report.page import write

    target = tmp_path_factory.mktemp("report") / "report.html"
    assert write(home / "files" / CATALOGUE, target) == []
    return target.as_uri()


@pytest.fixture
def opened(page: Page, report: str) -> Page:
    """Return the page with its charts drawn."""
    page.goto(report)
    page.locator("html[data-drawn=yes]").wait_for(state="attached")
    return page


def test_every_chart_is_drawn(opened: Page) -> None:
    charts = opened.locator("figure.chart").count()
    assert charts > 5
    assert opened.locator("figure.chart .plot svg").count() == charts


def test_a_claim_opens_to_its_evidence_and_its_sql(opened: Page) -> None:
    claim = opened.locator("article > details.claim").first
    reading = claim.locator("details.reading").first
    expect(reading).to_be_hidden()
    claim.locator("> summary").click()
    expect(reading).to_be_visible()
    reading.locator("> summary").click()
    expect(reading.get_by_text("known at")).to_be_visible()
    expect(reading.locator("pre")).to_contain_text("select")


def test_the_table_behind_a_chart_opens(opened: Page) -> None:
    behind = opened.locator("figure.chart details.table").first
    expect(behind.locator("table")).to_have_count(0)
    behind.locator("summary").click()
    expect(behind.locator("table").first).to_be_visible()
    assert behind.locator("tbody tr").count() > 0


def test_keys_alone_reach_and_open_what_is_folded(opened: Page) -> None:
    focused = "document.activeElement.tagName"
    for _ in range(100):
        opened.keyboard.press("Tab")
        if opened.evaluate(focused) == "SUMMARY":
            break
    assert opened.evaluate(focused) == "SUMMARY"
    assert opened.evaluate("document.activeElement.parentElement.open") is False
    opened.keyboard.press("Enter")
    assert opened.evaluate("document.activeElement.parentElement.open") is True


def test_a_phone_needs_no_sideways_scrolling(opened: Page) -> None:
    opened.set_viewport_size({"width": 360, "height": 740})
    opened.reload()
    opened.locator("html[data-drawn=yes]").wait_for(state="attached")
    assert opened.evaluate("document.documentElement.scrollWidth") <= 360


def test_light_and_dark_follow_the_reader(opened: Page) -> None:
    def background(scheme: str) -> list[int]:
        opened.emulate_media(color_scheme=scheme)
        colour = opened.evaluate("getComputedStyle(document.body).backgroundColor")
        return [int(part) for part in colour.removeprefix("rgb(").rstrip(")").split(",")[:3]]

    assert min(background("light")) > 200
    assert max(background("dark")) < 80
