"""Settings from the environment, and the dates and instants that options take."""

import dataclasses
import datetime as dt
from pathlib import Path

import pytest

from pipeline.errors import RotationError
from pipeline.settings import Settings, parse_instant

NOW = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)  # 07:00 in New York


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)


def test_without_a_variable_the_sample_is_built_in_the_folder_warehouse() -> None:
    settings = Settings.from_environment({})
    assert settings == Settings(home=Path("warehouse"), source="sample")
    assert settings.root == Path("warehouse/sample")


def test_every_variable_is_read() -> None:
    environment = {
        "ROTATION_HOME": "/data/my warehouse",
        "ROTATION_SOURCE": "files",
        "ROTATION_FROM": "/data/in",
        "ROTATION_CONFIG": "/data/config",
    }
    settings = Settings.from_environment(environment)
    assert settings.root == Path("/data/my warehouse/files")
    assert (settings.folder, settings.config_dir) == (Path("/data/in"), Path("/data/config"))


def test_an_empty_variable_counts_as_unset() -> None:
    names = ("ROTATION_HOME", "ROTATION_SOURCE", "ROTATION_FROM", "ROTATION_CONFIG")
    assert Settings.from_environment(dict.fromkeys(names, "")) == Settings.from_environment({})


def test_settings_do_not_change_during_a_run() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings(home=Path("warehouse")).source = "files"  # type: ignore[misc]


def test_an_unknown_source_names_those_that_exist() -> None:
    with pytest.raises(RotationError, match="there is no source 'yahoo'; choose one of: sample, files"):
        Settings(home=Path("warehouse"), source="yahoo")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-07-16", utc(2024, 7, 17, 3, 59, 59)),  # the day's end in New York, summer time
        ("2024-01-16", utc(2024, 1, 17, 4, 59, 59)),  # winter time
        ("2024-07-16T16:00-04:00", utc(2024, 7, 16, 20)),
        ("2024-07-16T20:00Z", utc(2024, 7, 16, 20)),
        ("2024-07-16T16:00", utc(2024, 7, 16, 20)),  # New York where nothing else is said
        ("2024-07-16 16:00:30", utc(2024, 7, 16, 20, 0, 30)),
    ],
)
def test_a_date_is_its_end_in_new_york_and_an_instant_is_itself(text: str, instant: dt.datetime) -> None:
    assert parse_instant(text, "--as-of", now=NOW) == instant


@pytest.mark.parametrize(
    "text", ["nonsense", "2024-13-01", "2024-02-30", "16.07.2024", "2024-07-16T25:00", "", "9999-12-31"]
)
def test_what_is_no_instant_is_refused_with_two_examples(text: str) -> None:
    with pytest.raises(RotationError, match="2024-07-16 or 2024-07-16T16:00-04:00") as told:
        parse_instant(text, "--as-of", now=NOW)
    assert str(told.value).startswith(f"--as-of: '{text}'")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("2024-07-16", "2024-07-16"),
        ("2024-01-16", "2024-01-16"),
        ("2024-07-16T16:00-04:00", "2024-07-16T200000Z"),
        ("2024-07-16T23:59:59-04:00", "2024-07-16"),  # the same instant as the date, so the same replay
    ],
)
def test_a_replay_is_named_for_its_date_else_for_its_utc_instant(text: str, label: str) -> None:
    assert Settings(home=Path("warehouse"), as_of=parse_instant(text, "--as-of", now=NOW)).as_of_label == label


def test_a_replay_can_be_asked_for_by_its_folders_name() -> None:
    instant = parse_instant("2024-07-16T16:00-04:00", "--as-of", now=NOW)
    label = Settings(home=Path("warehouse"), as_of=instant).as_of_label
    assert label is not None and parse_instant(label, "--as-of", now=NOW) == instant


def test_today_may_be_named_and_tomorrow_may_not() -> None:
    assert parse_instant("2026-01-02", "--as-of", now=NOW) == dt.datetime(2026, 1, 3, 4, 59, 59, tzinfo=dt.UTC)
    with pytest.raises(RotationError, match=r"--captured-at: 2026-01-03 lies in the future"):
        parse_instant("2026-01-03", "--captured-at", now=NOW)


def test_what_is_kept_is_three_builds_and_ninety_days_unless_the_environment_says_otherwise() -> None:
    settings = Settings.from_environment({})
    assert (settings.keep_builds, settings.keep_days) == (3, 90)
    settings = Settings.from_environment({"ROTATION_KEEP_BUILDS": "10", "ROTATION_KEEP_DAYS": "7"})
    assert (settings.keep_builds, settings.keep_days) == (10, 7)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("ROTATION_KEEP_BUILDS", "1", "ROTATION_KEEP_BUILDS / --keep-builds: 1 is too few; at least 2, so"),
        ("ROTATION_KEEP_DAYS", "0", "ROTATION_KEEP_DAYS / --keep-days: 0 is not between 1 and 36500 days"),
        ("ROTATION_KEEP_DAYS", "900000", "ROTATION_KEEP_DAYS / --keep-days: 900000 is not between 1 and 36500 days"),
        ("ROTATION_KEEP_DAYS", "a week", "ROTATION_KEEP_DAYS: 'a week' is no whole number"),
    ],
)
def test_too_little_to_keep_is_refused(name: str, text: str, said: str) -> None:
    with pytest.raises(RotationError, match=said):
        Settings.from_environment({name: text})


def test_the_default_universe_is_one_shard_here_unless_the_environment_says_otherwise() -> None:
    settings = Settings.from_environment({})
    assert (settings.engine, settings.storage, settings.bars_per_shard) == ("local", None, 1_000_000)
    environment = {"ROTATION_ENGINE": "ray", "ROTATION_STORAGE": "s3://market/a b/", "ROTATION_BARS_PER_SHARD": "7"}
    settings = Settings.from_environment(environment)
    assert (settings.engine, settings.storage, settings.bars_per_shard) == ("ray", "s3://market/a b", 7)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("ROTATION_ENGINE", "spark", "there is no engine 'spark'; choose one of: local, ray"),
        ("ROTATION_STORAGE", "/mnt/prices", "'/mnt/prices' is no bucket; write s3://bucket or s3://bucket/prefix"),
        ("ROTATION_BARS_PER_SHARD", "0", "ROTATION_BARS_PER_SHARD: 0 is no number of bars"),
    ],
)
def test_an_engine_a_storage_or_a_shard_that_cannot_be_is_refused(name: str, text: str, said: str) -> None:
    with pytest.raises(RotationError, match=said):
        Settings.from_environment({name: text})


def test_the_webhook_is_read_and_never_shown() -> None:
    settings = Settings.from_environment({"ROTATION_WEBHOOK_URL": " https://hooks.example/T0/secret "})
    assert settings.webhook_url == "https://hooks.example/T0/secret"
    assert "secret" not in repr(settings)
    assert Settings.from_environment({"ROTATION_WEBHOOK_URL": " "}).webhook_url is None
    with pytest.raises(RotationError, match="ROTATION_WEBHOOK_URL is no address") as told:
        Settings.from_environment({"ROTATION_WEBHOOK_URL": "hooks.example/T0/secret"})
    with pytest.raises(RotationError, match="and a host"):
        Settings.from_environment({"ROTATION_WEBHOOK_URL": "https:///T0/secret"})
    assert "secret" not in str(told.value)
