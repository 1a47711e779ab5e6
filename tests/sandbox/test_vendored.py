"""What the page carries from npm: the files that are committed are those of the versions that are pinned."""

import shutil
from pathlib import Path

import pytest

from scripts import npm, vendor


def test_the_files_are_those_that_are_pinned_with_their_licence() -> None:
    assert list(vendor.differences()) == []
    assert "Zero-Clause BSD" in (vendor.PLACE / "LICENSE-htmx.txt").read_text("utf-8")


def test_what_differs_is_said(tmp_path: Path) -> None:
    place = tmp_path / "vendor"
    shutil.copytree(vendor.PLACE, place)
    (place / "htmx.min.js").write_bytes(b"changed")
    (place / "LICENSE-htmx.txt").unlink()
    (place / "more.js").touch()
    found = list(vendor.differences(place))
    assert [line.split()[0] for line in found] == ["LICENSE-htmx.txt", "htmx.min.js", "more.js"]
    assert list(vendor.differences(tmp_path / "nowhere"))


@pytest.mark.parametrize("package", vendor.PACKAGES, ids=lambda package: package.name)
def test_the_registry_has_the_same(package: vendor.Package, tmp_path: Path) -> None:
    try:
        vendor.fetch(package, tmp_path)
    except npm.NotInstalledError as error:
        pytest.skip(str(error))
    assert list(vendor.differences(tmp_path)) == []
    other = tmp_path / "other"
    with pytest.raises(vendor.WrongSumError, match=package.name):
        vendor.fetch(package._replace(sum="other"), other)
    assert not other.exists()


def test_no_file_names_a_registry() -> None:
    for path in (*vendor.PLACE.iterdir(), Path(vendor.__file__)):
        assert "registry." not in path.read_text("utf-8")
