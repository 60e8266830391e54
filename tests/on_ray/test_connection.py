"""What `--engine ray` says without a Ray cluster, and what an engine closes."""

import socket
import sys
from types import SimpleNamespace

import pytest

from pipeline.engines import Local, Ray, engine
from pipeline.errors import RotationError


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.2", 0))
        return one.getsockname()[1]


def test_the_local_engine_works_in_order_with_what_was_shared() -> None:
    local = engine("local")
    assert isinstance(local, Local)
    assert local.map(lambda item, shared: (item, shared), iter("ba"), local.share(7)) == [("b", 7), ("a", 7)]
    local.close()


def test_without_ray_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        RotationError, match=r"^--engine ray needs Ray: pip install '.\[ray\]' in the checkout, or build"
    ) as told:
        engine("ray")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("form", ["127.0.0.2:{port}", "ray://127.0.0.2:{port}", "127.0.0.2:port", "[::1]:{port}", "me"])
def test_an_address_where_nobody_answers_is_named_at_once(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    address = form.format(port=free_port())
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(RotationError) as told:
        Ray()
    assert str(told.value).startswith(f"no Ray cluster answers at {address} (RAY_ADDRESS): ")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("is_connected", [True, False])
def test_an_engine_closes_the_connection_that_it_opened(is_connected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    ray = SimpleNamespace(
        is_initialized=lambda: is_connected,
        init=lambda address, **_: calls.append(address),
        shutdown=lambda: calls.append("shutdown"),
        exceptions=SimpleNamespace(RayError=OSError),
        __file__="/opt/ray/__init__.py",
    )
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    Ray().close()
    assert calls == ([] if is_connected else ["local", "shutdown"])


def test_a_path_with_a_space_is_told_before_ray_fails_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = SimpleNamespace(is_initialized=lambda: False, __file__="/my own/ray/__init__.py")
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(RotationError, match=r"path has a space \(/my own/ray\); move the environment"):
        Ray()
