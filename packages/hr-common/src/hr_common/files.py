"""Files that are whole or not there: atomic writing, JSON and lists with the line named on error, checked downloads."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import re
import secrets
import struct
import tokenize
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from pydantic_core import to_jsonable_python
from tqdm import tqdm

from hr_common import __version__
from hr_common.errors import InputError

_CHUNK = 1 << 20
_PATIENCE = 30.0  # seconds without a byte before a download is given up
# Which process of which machine is at work on it stands in a temporary name: .last.3fb2-4711-9c0d51ee.pt
_TEMPORARY = re.compile(r"\..*\.(?P<machine>[0-9a-f]{4})-(?P<process>[0-9]+)-[0-9a-f]{8}(\.[^.]*)?")


@contextmanager
def atomic_path(path: str | Path, *, suffix_keep: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its place when the block ends well.

    A reader of ``path`` sees the old file or the whole new one. Whatever ends the block early, Ctrl-C included,
    removes the temporary file and leaves the old one alone. Rights are those of the old file or, without one, of any
    new file, whatever the block's writer makes of them.

    Args:
        path: Where the file shall be. A symbolic link is followed.
        suffix_keep: End the temporary name like ``path``, for writers that choose a format by the suffix.

    Yields:
        A hidden name in the same folder; the block has to create it.

    Raises:
        InputError: The folder does not exist, or ``path`` is something else than a regular file.
        PermissionError: The folder is not writable.
    """
    target = Path(os.path.realpath(path))
    folder = target.parent
    if not folder.is_dir():
        raise InputError(f"cannot write {path}: the folder {folder} does not exist; create it first")
    if target.exists() and not target.is_file():
        raise InputError(f"cannot write {path}: it is {'a folder' if target.is_dir() else 'no regular file'}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "the folder is not writable", str(folder))
    mark = f"{_machine()}-{os.getpid()}-{secrets.token_hex(4)}"
    temporary = folder / f".{target.stem[:40]}.{mark}{target.suffix if suffix_keep else '.part'}"
    try:
        temporary.touch()
        rights = (target if target.exists() else temporary).stat().st_mode
        temporary.unlink()
        yield temporary
        temporary.chmod(rights)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def refuse_unwritable(folder: str | Path) -> None:
    """Check that a folder can be written into, or made, before long work that would be lost otherwise.

    Raises:
        InputError: A file is in its place, or in that of a folder above it.
        PermissionError: It, or the nearest folder above it that exists, is not writable.
    """
    place = Path(folder).absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise InputError(f"cannot write to {folder}: {place} is a file, not a folder; choose another place")
    if not os.access(place, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "the folder is not writable", str(place))


def remove_abandoned(folder: str | Path) -> None:
    """Remove the temporary files of :func:`atomic_path` that killed processes have left in a folder.

    Those of processes that are at work stay, and those of other machines, of which nobody can tell here.
    """
    for path in Path(folder).glob(".*"):
        found = _TEMPORARY.fullmatch(path.name)
        if found and found["machine"] == _machine() and not _is_running(int(found["process"])):
            path.unlink(missing_ok=True)


def _machine() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:4]


def _is_running(process: int) -> bool:
    if os.name != "posix":
        return True  # elsewhere signal 0 is no question, but Ctrl-C
    try:
        os.kill(process, 0)
    except PermissionError:
        return True  # it is somebody else's
    except (ProcessLookupError, OverflowError):
        return False
    return True


def refuse_unreadable(path: str | Path) -> None:
    """Check that there is a file with something in it before it is handed to a library with worse messages.

    Raises:
        InputError: It is missing, a folder, or empty.
        PermissionError: It may not be read.
    """
    with _open(path) as file:
        if not file.read(1):
            raise InputError(f"{path} is empty")


def read_lines(path: str | Path) -> list[str]:
    """Read a UTF-8 text file as lines without their ends; blank lines stay, so that index + 1 is the line's number.

    Raises:
        InputError: The file is missing, unreadable or no UTF-8; the message names the line.
    """
    with _open(path) as file:
        raw = file.read()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, byte = raw.count(b"\n", 0, error.start) + 1, raw[error.start]
        raise InputError(f"{path}, line {line}: not UTF-8 text (byte 0x{byte:02x}); save it as UTF-8") from None
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n") if text else []


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: The file is missing or no JSON; the message names line and column.
    """
    try:
        return json.loads("\n".join(read_lines(path)))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}, line {error.lineno}, column {error.colno}: no valid JSON: {error.msg}") from None
    except RecursionError:
        raise InputError(f"{path}: no valid JSON: nested too deeply") from None


def write_json(path: str | Path, value: Any) -> None:
    """Write a value as indented JSON, atomically.

    Dataclasses become objects, arrays and tuples become lists, paths become strings. JSON has neither NaN nor
    infinity: both are written as ``null``.

    Raises:
        TypeError: The value holds something that has no place in JSON.
    """
    plain = to_jsonable_python(value, fallback=_without_numpy, inf_nan_mode="null")
    text = json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_array(path: str | Path, *, mapped: bool = False) -> np.ndarray:
    """Read a ``.npy`` file; pickles are refused.

    Args:
        path: The file.
        mapped: Leave the values on the disk until they are used.

    Raises:
        InputError: The file is missing, damaged, or no plain array.
    """
    refuse_unreadable(path)
    with _plain(path, "array (.npy)"):
        values = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
        if isinstance(values, np.ndarray):
            return values
        values.close()
        raise InputError(f"{path} is an archive of arrays; expected one array (.npy)")


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Read the arrays of an ``.npz`` file; pickles in it are refused.

    Raises:
        InputError: The file is missing, damaged, or holds anything but plain arrays.
    """
    # NumPy leaves a file open that it opened itself and could not read.
    with (
        _open(path) as file,
        _plain(path, "archive of plain arrays (.npz)"),
        np.load(file, allow_pickle=False) as found,
    ):
        return {name: np.asarray(found[name]) for name in found.files}


@contextmanager
def _plain(path: str | Path, what: str) -> Iterator[None]:
    """Refuse a file for all that NumPy raises where its header, its archive or its values are damaged."""
    try:
        yield
    except InputError:
        raise
    except (
        *(OSError, EOFError, MemoryError, ValueError, KeyError, TypeError, AttributeError, RuntimeError),
        *(SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error, struct.error),
    ) as error:
        # NumPy would advise to load pickles.
        reason = "another format, or Python objects, which are not read" if "pickle" in str(error) else error
        raise InputError(f"{path} is no whole {what}: {reason}") from None


def file_digest(path: str | Path) -> str:
    """Compute the SHA-256 of a file, as 64 hexadecimal digits."""
    with _open(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def data_root(package: str, name: str) -> Path:
    """Say where a package keeps what it downloads: ``$XDG_CACHE_HOME/<package>/<name>``, by default under ``~/.cache``.

    The folder is not created.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification wants relative paths ignored.
    return (cache if cache.is_absolute() else Path.home() / ".cache") / package / name


def download(url: str, path: str | Path, *, sha256: str) -> Path:
    """Fetch a file over HTTPS, or do nothing if it is there already with the right checksum.

    What an interrupted download has got stays in a hidden file beside ``path``, and the next call goes on from there.
    ``path`` itself appears only when the checksum is right. A progress bar is shown on a terminal.

    Args:
        url: Address, ``https`` only; so is every address it redirects to.
        path: Where the file shall be; missing folders are made.
        sha256: Expected checksum, 64 hexadecimal digits.

    Raises:
        InputError: The address is not HTTPS, the server does not have the file, or the checksum is wrong.
        OSError: The connection failed; the message says how to resume.
    """
    if not url.lower().startswith("https://"):
        raise InputError(f"will not download {url}: only https addresses are allowed")
    return _fetch_checked(url, Path(path), sha256.lower())


def _fetch_checked(url: str, path: Path, expected: str) -> Path:
    if path.is_file() and file_digest(path) == expected:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{expected[:8]}.part")
    if not (partial.is_file() and file_digest(partial) == expected):
        _fetch(url, partial)
    if (actual := file_digest(partial)) != expected:
        partial.unlink()
        raise InputError(f"{url} has the wrong checksum: expected sha256 {expected}, got {actual}; nothing was kept")
    partial.replace(path)
    return path


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: urllib.request.Request, *rest: Any) -> urllib.request.Request | None:
        if not rest[-1].lower().startswith("https://"):
            raise InputError(f"will not download {req.full_url}: it redirects to {rest[-1]}, which is not https")
        return super().redirect_request(req, *rest)


def _fetch(url: str, partial: Path) -> None:
    have = partial.stat().st_size if partial.is_file() else 0
    request = urllib.request.Request(url, headers={"User-Agent": f"hr-common/{__version__}"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        with urllib.request.build_opener(_HttpsOnly).open(request, timeout=_PATIENCE) as response:
            have = have if response.status == 206 else 0  # other servers begin anew
            length = response.headers.get("Content-Length")
            total = have + int(length) if length else None
            with (
                partial.open("ab" if have else "wb") as file,
                tqdm(total=total, initial=have, unit="B", unit_scale=True, desc=partial.name, disable=None) as bar,
            ):
                while chunk := response.read(_CHUNK):
                    bar.update(file.write(chunk))
                got = file.tell()
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != 416 or not have:
            raise InputError(f"cannot download {url}: the server answered {error.code} {error.reason}") from None
        partial.unlink()  # what we have is longer than the file: it is of another version
        _fetch(url, partial)
        return
    except (urllib.error.URLError, TimeoutError) as error:
        reason = getattr(error, "reason", error)
        raise OSError(f"cannot download {url}: {reason}; check the connection and run it again to resume") from error
    if total is not None and got < total:
        raise OSError(f"the download of {url} ended after {got} of {total} bytes; run it again to resume")


def _open(path: str | Path) -> BufferedReader:
    try:
        return Path(path).open("rb")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def _without_numpy(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no place in JSON")
