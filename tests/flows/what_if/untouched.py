"""A folder as it is, to say later that nobody wrote into it."""

from pathlib import Path


def picture(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every folder and file below: its mode, when it was written last, and its bytes."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        stat = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[path.relative_to(folder).as_posix()] = (stat.st_mode, stat.st_mtime_ns, content)
    return found
