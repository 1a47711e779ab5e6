"""The steps from a spec to a finished package."""

from pathlib import Path

from scripts.generator.checks import check
from scripts.generator.client import write_client
from scripts.generator.facts import constants
from scripts.generator.modules import write_modules
from scripts.generator.spec import Spec
from scripts.generator.tidy import tidy
from scripts.generator.view import view


def build(spec: Spec, package: Path) -> None:
    """Write the package into a folder that does not exist yet.

    Raises
    ------
    SpecError
        Nothing sound can be generated from the spec.
    """
    check(spec)
    values = constants(spec)
    write_client(view(spec), package)
    write_modules(spec, values, package)
    tidy(package)
