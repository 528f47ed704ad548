"""The metadata of FLAC files: pictures, comments and cue sheets go along when the sound is encoded anew.

References:
    RFC 9639, "Free Lossless Audio Codec (FLAC)", sections 6 and 8.
"""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from hr_common.files import atomic_path

logger = logging.getLogger(__name__)

_MARKER = b"fLaC"
_STREAM_INFO, _PADDING, _APPLICATION, _SEEK_TABLE, _COMMENT, _CUE_SHEET, _PICTURE = range(7)
_OF_THE_ENCODING = (_STREAM_INFO, _PADDING, _SEEK_TABLE)  # say where things are in one file, or nothing
_STREAM_INFO_BYTES = 34


def carry_metadata(source: str | Path, target: str | Path) -> bool:
    """Give a FLAC file the metadata of another one, as bytes; its own comments are replaced.

    Carried are comments, pictures, cue sheets and the blocks of applications and of kinds to come. How the samples
    are encoded, where to seek and padding stay those of the target. The sound is not touched.

    Args:
        source: FLAC file with the metadata.
        target: FLAC file to change, atomically.

    Returns:
        Whether it was done. If the blocks of either file are damaged, the target stays as it is, with a warning.
    """
    with Path(source).open("rb") as reader:
        theirs = _blocks(reader)
    with Path(target).open("rb") as reader:
        ours = _blocks(reader)
        if theirs is None or ours is None:
            logger.warning("the metadata of %s is damaged; only the tags that could be read were kept", source)
            return False
        carried = [block for block in theirs if block[0] not in _OF_THE_ENCODING]
        kinds = {kind for kind, _ in carried}
        own = [block for block in ours if block[0] in _OF_THE_ENCODING or block[0] not in kinds]
        # The description of the stream comes first; padding, which a tag editor may use up, last.
        blocks = sorted([*own, *carried], key=lambda block: (block[0] == _PADDING, block[0] != _STREAM_INFO))
        with atomic_path(target) as temporary, temporary.open("wb") as writer:
            writer.write(_MARKER)
            for number, (kind, content) in enumerate(blocks, start=1):
                is_last = number == len(blocks)
                writer.write(bytes([kind | 0x80 * is_last]) + len(content).to_bytes(3, "big") + content)
            shutil.copyfileobj(reader, writer)
    return True


def _blocks(reader: BinaryIO) -> list[tuple[int, bytes]] | None:
    """Kind and content of every block, with the reader left at the first frame of sound; ``None`` if damaged."""
    if reader.read(len(_MARKER)) != _MARKER:
        return None
    blocks = list(_read_blocks(reader))
    is_whole = bool(blocks) and blocks[-1] is not None
    whole = [block for block in blocks if block is not None]
    if not is_whole or whole[0][0] != _STREAM_INFO or len(whole[0][1]) != _STREAM_INFO_BYTES:
        return None
    return whole


def _read_blocks(reader: BinaryIO) -> Iterator[tuple[int, bytes] | None]:
    is_last = False
    while not is_last:
        header = reader.read(4)
        if len(header) < 4 or header[0] & 0x7F == 0x7F:
            yield None
            return
        is_last, size = bool(header[0] & 0x80), int.from_bytes(header[1:], "big")
        content = reader.read(size)
        if len(content) < size:
            yield None
            return
        yield header[0] & 0x7F, content
