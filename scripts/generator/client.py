"""Run openapi-python-client on the view of the spec, with the config and the templates of this folder."""

import contextlib
import io
import json
import tempfile
import textwrap
from collections.abc import Sequence
from pathlib import Path

from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_python_client.parser.errors import GeneratorError

from scripts.generator.spec import Json, SpecError

HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"


def write_client(document: Json, package: Path) -> None:
    """Write the client and the models into a folder that does not exist yet.

    Raises
    ------
    SpecError
        The generator has an error, or as much as a warning (on its command line: ``--fail-on-warning``), since what
        it warns of it leaves out.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "view.json")
        source.write_text(json.dumps(document), "utf-8")
        config = Config.from_sources(
            ConfigFile.load_from_path(HERE / "config.yaml"),
            meta_type=MetaType.NONE,
            document_source=source,
            file_encoding="utf-8",
            overwrite=False,
            output_path=package,
        )
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                errors = generate(config=config, custom_template_path=TEMPLATES)
        except Exception as error:
            raise SpecError(f"openapi-python-client gives up: {type(error).__name__}: {error}") from error
    if errors:
        raise SpecError(_in_one_line(errors))


def _in_one_line(errors: Sequence[GeneratorError]) -> str:
    first = textwrap.shorten(f"{errors[0].header} {errors[0].detail or ''}", 400, placeholder=" ...")
    return f"{first} ({len(errors)} problems)" if len(errors) > 1 else first
