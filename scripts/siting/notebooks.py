"""A notebook with its outputs, as a page."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["page_of"]

_PICTURES = {"image/svg+xml": "svg", "image/png": "png"}


def page_of(notebook: Path, page: Path) -> str:
    """Return a notebook as Markdown; pictures among its outputs are written beside the page.

    Parameters
    ----------
    notebook : Path
        An ``.ipynb`` file.
    page : Path
        Where the page will be.
    """
    cells: list[dict[str, Any]] = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    parts: list[str] = []
    for number, cell in enumerate(cells):
        text = _joined(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(text)
        elif cell["cell_type"] == "code":
            parts.append(f"```python\n{text}\n```")
            parts += _outputs(cell["outputs"], page, number)
    return "\n\n".join(parts) + "\n"


def _outputs(outputs: list[dict[str, Any]], page: Path, cell: int) -> Iterator[str]:
    for number, output in enumerate(outputs):
        data: dict[str, Any] = output.get("data", {})
        kind = next((kind for kind in _PICTURES if kind in data), None)
        if kind is not None:
            path = page.with_name(f"{page.stem}-{cell}-{number}.{_PICTURES[kind]}")
            content = _joined(data[kind])
            path.write_bytes(content.encode() if kind == "image/svg+xml" else base64.b64decode(content))
            yield f"![{_alternative(data)}]({path.name})"
        elif "text/html" in data:
            # In one line, and a blank one around it: so it is left as it is.
            yield f'<div class="cio-output">{" ".join(_joined(data["text/html"]).split())}</div>'
        elif text := _joined(data.get("text/plain", output.get("text", ""))).rstrip():
            yield f"```text\n{text}\n```"


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def _alternative(data: dict[str, Any]) -> str:
    """Say what is to be seen where nothing is: the plain form, if that says more than that there is a figure."""
    text = _joined(data.get("text/plain", ""))
    return "Plot" if not text or text.startswith("<") else text.splitlines()[0]
