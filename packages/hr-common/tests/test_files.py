import hashlib
import http.server
import json
import os
import signal
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hr_common.errors import InputError
from hr_common.files import (
    _fetch_checked,
    atomic_path,
    data_root,
    download,
    file_digest,
    read_json,
    read_lines,
    refuse_unwritable,
    remove_abandoned,
    write_json,
)
from hr_common.testing import in_child

CONTENT = np.random.default_rng(3).bytes(3_000_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "sound.wav"
    with atomic_path(target) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".wav"
        assert temporary.name.startswith(".")
        temporary.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert names(tmp_path) == ["sound.wav"]


def test_what_a_killed_process_has_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    def write(suffix: str) -> None:
        with atomic_path(tmp_path / f"last{suffix}", suffix_keep=suffix == ".pt") as temporary:
            temporary.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(lambda: write(".pt")).code == in_child(lambda: write("")).code == -signal.SIGKILL
    abandoned = names(tmp_path)
    assert len(abandoned) == 2
    machine = abandoned[0].split(".")[2].partition("-")[0]
    elsewhere = abandoned[0].replace(f".{machine}-", f".{(int(machine, 16) + 1) % 0x10000:04x}-")
    others = [".last.pt", ".last.5a1b2c3d4e5f.pt", "last.pt", elsewhere]
    for name in others:
        (tmp_path / name).touch()
    with atomic_path(tmp_path / "last.pt") as temporary:
        temporary.touch()
        remove_abandoned(tmp_path)
        assert names(tmp_path) == sorted([*others, temporary.name])
    remove_abandoned(tmp_path / "missing")


def test_a_place_where_nothing_can_be_written_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_unwritable(tmp_path / "new" / "folders")
    assert names(tmp_path) == []
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/out: .*file is a file, not a folder"):
        refuse_unwritable(tmp_path / "file" / "out")
    # Rights do not bind whoever may do everything.
    monkeypatch.setattr(os, "access", lambda place, _: place != tmp_path)
    with pytest.raises(PermissionError, match="not writable"):
        refuse_unwritable(tmp_path / "new" / "folders")


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "sound.wav"
    target.write_text("old")

    def fail() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["sound.wav"]


def test_rights_are_those_of_any_new_file_and_stay_those_of_an_old_one(tmp_path: Path) -> None:
    plain, target = tmp_path / "plain", tmp_path / "target"
    plain.touch()
    with atomic_path(target) as temporary:
        temporary.touch()
    assert target.stat().st_mode == plain.stat().st_mode
    target.chmod(0o640)
    with atomic_path(target) as temporary:
        temporary.touch()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with atomic_path(tmp_path / "link") as temporary:
        temporary.write_text("x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "x"


def test_writing_into_a_missing_folder_names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the folder .*/nowhere does not exist"), atomic_path(tmp_path / "nowhere/a"):
        pass


@pytest.mark.parametrize(("path", "what"), [("/dev/null", "no regular file"), (".", "a folder")])
def test_only_regular_files_are_replaced(path: str, what: str) -> None:
    with pytest.raises(InputError, match=what), atomic_path(path):
        pass


def test_a_suffix_can_be_left_off(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a.wav", suffix_keep=False) as temporary:
        assert temporary.suffix == ".part"
        temporary.touch()


def test_lines_are_read_with_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes("\ufeffone\r\n\nthrée\x0b\n".encode())
    assert read_lines(path) == ["one", "", "thrée\x0b"]
    path.write_bytes(b"a\nb\n\xff\n")
    with pytest.raises(InputError, match=r"list.txt, line 3: not UTF-8 text \(byte 0xff\)"):
        read_lines(path)


def test_broken_json_names_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"a": 1,\n "b": }')
    with pytest.raises(InputError, match=r"x.json, line 2, column 7: no valid JSON"):
        read_json(path)
    path.write_text("[" * 200_000)
    with pytest.raises(InputError, match="nested too deeply"):
        read_json(path)


@pytest.mark.parametrize("read", [read_json, read_lines, file_digest])
def test_a_missing_file_and_a_folder_are_named(tmp_path: Path, read: Any) -> None:
    with pytest.raises(InputError, match=r"nothing.json: No such file"):
        read(tmp_path / "nothing.json")
    with pytest.raises(InputError, match="Is a directory"):
        read(tmp_path)


@dataclass(frozen=True)
class Figures:
    name: str
    values: tuple[float, ...]


def test_results_become_plain_json(tmp_path: Path) -> None:
    value = {
        "figures": Figures("ä", (1.5, float("nan"))),
        "array": np.array([[1, 2]], np.int16),
        "scalars": [np.float32(0.5), np.int64(3), np.bool_(True), None, -np.inf],
        "path": Path("a/b"),
    }
    write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == {
        "figures": {"name": "ä", "values": [1.5, None]},
        "array": [[1, 2]],
        "scalars": [0.5, 3, True, None, None],
        "path": "a/b",
    }
    assert "ä" in (tmp_path / "x.json").read_text(encoding="utf-8")


def test_what_has_no_place_in_json_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_json(tmp_path / "x.json", {"x": object()})
    assert names(tmp_path) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@settings(deadline=None, max_examples=50)
@given(json_values)
def test_json_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "round.json"
    try:
        write_json(path, value)
    except UnicodeEncodeError:  # a lone surrogate is no text
        return
    assert read_json(path) == json.loads(json.dumps(value))


def test_the_cache_follows_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert data_root("viai", "music") == Path("/cache/viai/music")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert data_root("viai", "music") == Path("/home/somebody/.cache/viai/music")


class Handler(http.server.BaseHTTPRequestHandler):
    asked: list[str | None]
    cut_at: int | None

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        type(self).asked.append(wanted)
        if self.path.startswith("/away/"):
            self.send_response(302)
            self.send_header("Location", f"{self.path[6:]}://127.0.0.1/file")
            self.end_headers()
            return
        if self.path == "/gone":
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.path != "/whole" else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start : type(self).cut_at])

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server without TLS, which `download` itself would refuse; all that comes after that check is tested on it."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Handler.asked, Handler.cut_at = [], None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def test_a_download_is_checked_and_not_repeated(server: str, tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.bin"
    for _ in range(2):
        assert _fetch_checked(f"{server}/file", target, DIGEST) == target
        assert target.read_bytes() == CONTENT
    assert Handler.asked == [None]
    assert names(target.parent) == ["file.bin"]


def test_what_is_there_with_the_right_checksum_is_not_asked_for(tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(CONTENT)
    assert download("https://127.0.0.1:1/file", tmp_path / "file.bin", sha256=DIGEST.upper()) == tmp_path / "file.bin"


@pytest.mark.parametrize("path", ["file", "whole"])
def test_an_interrupted_download_is_resumed(server: str, tmp_path: Path, path: str) -> None:
    target = tmp_path / "file.bin"
    Handler.cut_at = 1_000_000
    with pytest.raises(OSError, match="ended after 1000000 of 3000000 bytes; run it again to resume"):
        _fetch_checked(f"{server}/{path}", target, DIGEST)
    assert not target.exists()
    Handler.cut_at = None
    _fetch_checked(f"{server}/{path}", target, DIGEST)
    assert Handler.asked == [None, "bytes=1000000-"]
    assert target.read_bytes() == CONTENT


def test_a_partial_file_that_is_too_long_is_thrown_away(server: str, tmp_path: Path) -> None:
    (tmp_path / f".file.bin.{DIGEST[:8]}.part").write_bytes(CONTENT + b"more")
    _fetch_checked(f"{server}/file", tmp_path / "file.bin", DIGEST)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_wrong_checksum_keeps_nothing(server: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"expected sha256 {'0' * 64}, got {DIGEST}"):
        _fetch_checked(f"{server}/file", tmp_path / "file.bin", "0" * 64)
    assert names(tmp_path) == []


def test_what_the_server_does_not_have_is_an_input_error(server: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="answered 404"):
        _fetch_checked(f"{server}/gone", tmp_path / "file.bin", DIGEST)


@pytest.mark.parametrize("url", ["http://127.0.0.1/file", "file:///etc/hostname", "httpsx://a/b"])
def test_only_https_is_downloaded(tmp_path: Path, url: str) -> None:
    with pytest.raises(InputError, match="only https"):
        download(url, tmp_path / "file.bin", sha256=DIGEST)


@pytest.mark.parametrize("target", ["http", "ftp"])
def test_a_redirection_away_from_https_is_refused(server: str, tmp_path: Path, target: str) -> None:
    with pytest.raises(InputError, match=f"redirects to {target}://127.0.0.1/file, which is not https"):
        _fetch_checked(f"{server}/away/{target}", tmp_path / "file.bin", DIGEST)


def test_a_dead_connection_tells_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="check the connection and run it again"):
        download("https://127.0.0.1:1/file", tmp_path / "file.bin", sha256=DIGEST)
