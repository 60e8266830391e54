"""The Dagster UI in a real browser, on a real `dagster dev`: what operators look at and click."""

import json
import re

from conftest import SECONDS, Dagster, wait_for
from playwright.sync_api import Page, expect

from pipeline.layout import BUILD_FILE

LAYERS = ["raw", "core", "derived", "marts", "published"]
SCHEDULE = """
    query ($selector: ScheduleSelector!) {
        scheduleOrError(scheduleSelector: $selector) { ... on Schedule { scheduleState { status } } }
    }
"""


def test_the_graph_has_a_group_for_every_layer(page: Page, dagster: Dagster) -> None:
    page.goto(f"{dagster.url}/asset-groups")
    for layer in LAYERS:
        expect(page.locator("svg foreignObject").filter(has_text=re.compile(f"^{layer}$"))).to_be_visible()


def test_a_check_shows_what_it_found(page: Page, dagster: Dagster) -> None:
    page.goto(f"{dagster.url}/assets/files/core/series?view=checks")
    page.get_by_text("serves_all_history").first.click()
    expect(page.get_by_text("Passed", exact=True)).to_be_visible()


def test_a_schedule_is_turned_on(page: Page, dagster: Dagster) -> None:
    name = {
        "repositoryName": "__repository__",
        "repositoryLocationName": "pipeline.definitions",
        "scheduleName": "after_the_close",
    }

    def status() -> str:
        return dagster.ask(SCHEDULE, selector=name)["scheduleOrError"]["scheduleState"]["status"]

    page.goto(f"{dagster.url}/automation")
    page.get_by_role("link", name="after_the_close").click()
    switch = page.get_by_role("checkbox")
    expect(switch).not_to_be_checked()
    assert status() == "STOPPED"
    page.locator("label").filter(has=switch).click()
    expect(switch).to_be_checked()
    wait_for("running schedule", lambda: status() == "RUNNING")
    page.locator("label").filter(has=switch).click()  # or it starts a build at 20:30 New York
    wait_for("stopped schedule", lambda: status() == "STOPPED")


def test_materializing_all_publishes_a_build(page: Page, dagster: Dagster) -> None:
    before = (dagster.root / "current").resolve()
    page.goto(f"{dagster.url}/asset-groups")
    page.get_by_role("button", name="Materialize all").click()
    page.get_by_role("link", name="View", exact=True).click()
    expect(page).to_have_url(re.compile(r"/runs/[0-9a-f-]{36}"))
    expect(page.get_by_text("Success", exact=True).first).to_be_visible(timeout=SECONDS * 1000)
    after = (dagster.root / "current").resolve()
    assert after != before
    assert json.loads((after / BUILD_FILE).read_text())["run_id"] == page.url.rpartition("/")[2].partition("?")[0]
