"""Loading of tables, files and queries. Needs the extra ``load``."""

from importlib.util import find_spec


def _is_here(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


if _missing := [name for name in ("duckdb", "numpy", "pyarrow") if not _is_here(name)]:
    raise ImportError(f"loading tables needs {', '.join(_missing)}: pip install 'cio-facade[load]'")
