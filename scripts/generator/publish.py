"""Put a finished package in the place of the old one, or say where the two differ."""

from pathlib import Path


def differences(old: Path, new: Path) -> list[str]:
    """Name the files that one has and the other has not, or that differ by a byte."""
    before, after = _files(old), _files(new)
    return [
        f"{path}: {'is missing' if path not in before else 'should not be there' if path not in after else 'differs'}"
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    ]


def publish(new: Path, place: Path) -> bool:
    """Move a package to its place by renaming, so that no half of it is ever seen there.

    Parameters
    ----------
    new
        The finished package, on the same file system as `place`.
    place
        Where it belongs; what stands there goes.

    Returns
    -------
    bool
        Whether anything changed. A package that is the same stays untouched, with its compiled files.
    """
    if place.is_dir() and not differences(place, new):
        return False
    old = new.with_name("old")
    if place.exists():
        place.rename(old)
    try:
        new.rename(place)
    except OSError:
        if old.exists():
            old.rename(place)
        raise
    return True


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
