"""The rules of the notebooks, read from their texts; and that what is committed with outputs is of these texts."""

import ast
import re
import unicodedata
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest

from cio_facade import errors
from scripts import notebooks

NAMES = [
    "00_setup_and_configuration",
    "01_people_management",
    "02_event_tracking",
    "03_objects_and_relationships",
    "04_device_management",
    "05_batch_operations",
    "06_page_screen_tracking",
    "07_profile_aliasing",
    "08_semantic_events",
    "09_complete_workflows",
]
ALL = pytest.mark.parametrize("name", NAMES)
_MOST_LINES = 15
_ADDRESS = re.compile(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)")
_SITE = re.compile(r"https?://([^/\s\"'`)\]:{]+)")
_OURS = {"example.com", "127.0.0.1", "localhost"}
_ERRORS = set(errors.__all__)


def text_of(name: str) -> str:
    return (notebooks.FOLDER / f"{name}.py").read_text(encoding="utf-8")


def cells(name: str) -> list[notebooks.Cell]:
    return notebooks.parse(text_of(name))


def code(name: str) -> list[str]:
    return [cell.source for cell in cells(name) if cell.kind == "code"]


def tree(source: str) -> ast.Module:
    """Cells of a notebook may await."""
    return compile(source, "cell", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)  # type: ignore[no-any-return]


def imports(source: str) -> list[ast.stmt]:
    return [node for node in ast.walk(tree(source)) if isinstance(node, ast.Import | ast.ImportFrom)]


def test_there_are_these_notebooks_and_no_others() -> None:
    assert [path.stem for path in sorted(notebooks.FOLDER.glob("*.py"))] == NAMES
    assert [path.stem for path in sorted(notebooks.FOLDER.glob("*.ipynb"))] == NAMES


@ALL
def test_it_has_one_title_and_says_its_purpose(name: str) -> None:
    first, *others = [cell.source for cell in cells(name) if cell.kind == "markdown"]
    assert cells(name)[0].source == first
    title, _, purpose = first.partition("\n")
    assert title.startswith("# ")
    assert len(purpose.split()) > 8
    assert not [line for source in others for line in source.splitlines() if line.startswith("# ")]


@ALL
def test_imports_come_first_and_stand_together(name: str) -> None:
    first, *others = code(name)
    assert len(imports(first)) == len(tree(first).body)
    assert not [source for source in others if imports(source)]


@ALL
def test_it_begins_with_a_workspace_and_ends_with_its_end(name: str) -> None:
    second = code(name)[1].splitlines()
    assert second[0].startswith("workspace = open_workspace(")
    assert second[1] == "cio = workspace.client"
    assert code(name)[-1].splitlines()[-1] == "workspace.close()"


@ALL
def test_markdown_stands_before_each_cell_of_code(name: str) -> None:
    kinds = [cell.kind for cell in cells(name)]
    assert ("code", "code") not in set(pairwise(kinds))
    assert all(cell.source for cell in cells(name))


@ALL
def test_no_cell_of_code_is_long(name: str) -> None:
    assert not [source for source in code(name) if len(source.splitlines()) > _MOST_LINES]


@ALL
def test_an_error_is_handled_on_purpose(name: str) -> None:
    handlers = [node for source in code(name) for node in ast.walk(tree(source)) if isinstance(node, ast.ExceptHandler)]
    caught = {node.id for one in handlers if one.type for node in ast.walk(one.type) if isinstance(node, ast.Name)}
    assert caught & _ERRORS


@ALL
def test_there_are_no_emojis(name: str) -> None:
    assert not [
        sign
        for sign in text_of(name)
        if unicodedata.category(sign) in {"So", "Sk", "Cs", "Co", "Cn", "Cf"} and sign not in "`^"
    ]


@ALL
def test_names_of_people_and_sites_are_invented(name: str) -> None:
    said = text_of(name)
    assert {found.group(1) for found in _ADDRESS.finditer(said)} <= {"example.com"}
    sites = {found.group(1) for found in _SITE.finditer(said)}
    assert {site for site in sites if site not in _OURS and not site.endswith((".example.com", ".example"))} == set()
    assert not re.search(r"(?<![\w.])/(?:home|root|tmp|work|Users)/", said)


@ALL
def test_ids_are_made_for_the_workspace(name: str) -> None:
    """An id that is written out would be somebody else's in a real workspace; all that is named is made by `id`."""
    assert "workspace.id(" in text_of(name) or ".map(workspace.id)" in text_of(name)


# What is committed with outputs ---------------------------------------------------------------------------------------


@ALL
def test_what_is_committed_is_of_its_text_and_was_run(name: str) -> None:
    made = notebooks.notebook_of(cells(name))
    assert notebooks.disagreement(made, notebooks.FOLDER / f"{name}.ipynb") is None


@ALL
def test_what_is_committed_is_small_and_has_no_error_and_nobody_s_machine(name: str) -> None:
    path = notebooks.FOLDER / f"{name}.ipynb"
    written = path.read_text(encoding="utf-8")
    assert len(written.encode()) <= notebooks.LARGEST
    found = nbformat.read(path, as_version=4)
    nbformat.validate(found)
    outputs = [output for cell in found.cells if cell.cell_type == "code" for output in cell.outputs]
    assert outputs
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert str(Path.home()) not in written
    assert not re.search(r"/(?:home|tmp|Users)/\w+|CIO_API_KEY=", written)
    assert found.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


@ALL
def test_its_outputs_have_the_same_ids_and_ports_in_each_run(name: str) -> None:
    written = (notebooks.FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    assert set(re.findall(r"127\.0\.0\.1:(\d+)", written)) <= {"8080"}
    assert not re.findall(r"\b[1-9a-f][0-9a-f]{23}-\d+\b", written)
