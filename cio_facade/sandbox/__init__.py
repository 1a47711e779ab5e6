"""A local server that speaks the Data Pipelines API, checks every call and keeps what arrives.

It knows the API by its specification, and nothing of any client: whatever speaks HTTP can be pointed at it. It needs
the extra ``[sandbox]``.
"""

try:
    from cio_facade.sandbox.records import Counts, Problem, RequestRecord
    from cio_facade.sandbox.server import Sandbox, serve
except ModuleNotFoundError as error:
    missing = (error.name or "").partition(".")[0]
    if missing not in {"jsonschema_rs", "starlette", "uvicorn"}:
        raise
    raise ImportError(f"the sandbox needs {missing}: pip install 'cio-facade[sandbox]'", name=missing) from error

__all__ = ["Counts", "Problem", "RequestRecord", "Sandbox", "serve"]
