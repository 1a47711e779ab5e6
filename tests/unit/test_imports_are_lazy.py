"""What an import costs: a name brings the rooms it needs, and nobody pays for HTTP or asyncio who does not use them."""

from __future__ import annotations

import subprocess
import sys

import pytest

_HTTP = {"httpx", "httpcore", "h11", "ssl", "socket"}
_ASYNC = {"asyncio", "anyio"}
_OTHER = {"starlette", "uvicorn", "jsonschema_rs", "click", "rich", "dotenv", "numpy", "pandas", "redis"}


def _loaded(code: str) -> set[str]:
    """The modules that are loaded after this code, in a Python of its own."""
    command = [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"]
    return set(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.split())


def test_the_package_alone_brings_next_to_nothing() -> None:
    loaded = _loaded("import cio_facade")
    assert not loaded & (_HTTP | _ASYNC | _OTHER | {"orjson", "attr", "cio_pipelines", "email"})
    assert {name for name in loaded if name.startswith("cio_facade")} == {"cio_facade", "cio_facade._version"}


@pytest.mark.parametrize(
    "code",
    [
        "import cio_facade.messages",
        "from cio_facade import messages; messages.track('u1', 'Signed Up', {'plan': 'pro'})",
        "from cio_facade import people, devices, objects, deliveries; people.delete('u1')",
        "from cio_facade import Message, Report, Receipt, DeadLetter, ValidationError",
        "from cio_facade.events import ecommerce; ecommerce.OrderCompleted(order_id='o-1').to_dict()",
    ],
)
def test_messages_are_built_without_http_and_asyncio(code: str) -> None:
    loaded = _loaded(code)
    assert not loaded & (_HTTP | _ASYNC | _OTHER)
    assert not loaded & {"cio_facade.client", "cio_facade.aio", "cio_facade.transport", "cio_facade.delivery"}


def test_messages_are_built_where_httpx_is_not_installed() -> None:
    _loaded("sys.modules['httpx'] = None\nfrom cio_facade import messages\nmessages.track('u1', 'Signed Up')")


def test_a_typed_event_brings_its_own_classes_and_no_others() -> None:
    loaded = _loaded("from cio_facade.events import ecommerce; ecommerce.ProductViewed")
    models = {name for name in loaded if name.startswith("cio_pipelines.models.")}
    assert "cio_pipelines.models.product_viewed" in models
    assert len(models) < 5


def test_the_sync_client_brings_what_httpx_brings() -> None:
    httpx = _loaded("import httpx; httpx.HTTPTransport()")
    ours = _loaded("from cio_facade import CustomerIO; CustomerIO('key')")
    assert not (ours - httpx) & (_ASYNC | _OTHER)


def test_no_client_brings_an_extra() -> None:
    httpx = _loaded("import httpx; httpx.AsyncHTTPTransport()")
    ours = _loaded("from cio_facade import AsyncCustomerIO, CustomerIO, testing; CustomerIO('key')")
    assert not (ours - httpx) & _OTHER


def test_all_public_names_are_there_and_stay() -> None:
    import cio_facade

    for name in cio_facade.__all__:
        assert getattr(cio_facade, name) is getattr(cio_facade, name)
    assert set(cio_facade.__all__) <= set(dir(cio_facade))
    with pytest.raises(AttributeError, match="nautical"):
        cio_facade.nautical  # noqa: B018
