"""What jedi makes of the package: the completion of IPython, of Jupyter and of many editors.

jedi knows neither the keywords that a TypedDict adds (``**fields: Unpack[CallFields]``) nor the values of a Literal, so
``timestamp=`` and ``"ios"`` are not offered there; their function's docstring, which is shown, names them.
"""

from __future__ import annotations

import inspect

import pytest
from spec_names import EVENTS, FAMILIES, Event, plain

from cio_facade import AsyncCustomerIO, CustomerIO, Receipt, Report, messages

jedi = pytest.importorskip("jedi", reason="needs the package jedi")

HEAD = "from cio_facade import AsyncCustomerIO, CustomerIO, events, messages\ncio = CustomerIO('key')\n"


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of this process alone: jedi reads half a file where another process is writing it."""
    monkeypatch.setattr(jedi.settings, "cache_directory", str(tmp_path_factory.getbasetemp() / "jedi"))


def _offered(text: str) -> dict[str, object]:
    return {found.name_with_symbols: found for found in jedi.Script(HEAD + text).complete()}


def _public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_familys_events_are_offered_with_their_docstrings(family: str) -> None:
    offered = _offered(f"from cio_facade.events import {family}\n{family}.")
    for event in FAMILIES[family]:
        assert event.sentence in offered[event.name].docstring()


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_an_events_properties_are_offered(event: Event) -> None:
    offered = _offered(f"from cio_facade.events import {event.family}\n{event.family}.{event.name}(")
    assert set(event.keywords) <= {plain(name.removesuffix("=")) for name in offered if name.endswith("=")}


@pytest.mark.parametrize("client", [CustomerIO, AsyncCustomerIO])
def test_a_clients_verbs_are_offered_with_their_docstrings(client: type) -> None:
    offered = _offered(f"{client.__name__}('key').")
    assert _public(client) <= set(offered)
    for name in _public(client):
        assert (inspect.getdoc(getattr(client, name)) or "").partition("\n")[0] in offered[name].docstring()


@pytest.mark.parametrize(("expression", "kind"), [("cio.track('u1', 'E')", Receipt), ("cio.send_many([])", Report)])
def test_what_comes_back_is_known(expression: str, kind: type) -> None:
    assert _public(kind) <= set(_offered(f"{expression}."))


def test_a_live_client_in_a_notebook_offers_its_verbs() -> None:
    with CustomerIO("key") as cio:
        offered = {found.name for found in jedi.Interpreter("cio.", [{"cio": cio}]).complete()}
    assert _public(CustomerIO) <= offered


def test_a_module_with_names_imported_when_asked_for_offers_them_in_a_notebook() -> None:
    from cio_facade.events import ecommerce

    offered = {found.name for found in jedi.Interpreter("ecommerce.", [{"ecommerce": ecommerce}]).complete()}
    assert {event.name for event in FAMILIES["ecommerce"]} <= offered
    assert set(messages.__all__) <= {found.name for found in jedi.Script(f"{HEAD}messages.").complete()}
