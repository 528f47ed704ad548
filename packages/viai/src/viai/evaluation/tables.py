"""Tables of figures, as Markdown for a terminal and as HTML for a page."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

from viai.metrics import Interval


@dataclass(frozen=True)
class Table:
    """Cells of text under a title."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    """A sentence below the title: what has to be known to read the figures."""

    def markdown(self) -> str:
        """Title, note and table as Markdown."""
        lines = [f"### {self.title}", ""]
        if self.note:
            lines += [self.note, ""]
        lines += [_line(self.header), _line(["---"] * len(self.header))]
        return "\n".join(lines + [_line(row) for row in self.rows])

    def html(self) -> str:
        """Title, note and table as HTML; numbers are set to the right."""
        parts = [f"<h2>{html.escape(self.title)}</h2>"]
        if self.note:
            parts.append(f"<p>{html.escape(self.note)}</p>")
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in self.header)
        body = "\n".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in self.rows
        )
        parts.append(f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>")
        return "\n".join(parts)


def cell(interval: Interval | None, digits: int, *, sign: bool = False) -> str:
    """Write a mean with its interval; a dash where there is no mean, the mean alone where nothing varies."""
    if interval is None:
        return "–"
    form = f"{'+' if sign else ''}.{digits}f"
    if interval.low == interval.high:
        return f"{interval.mean:{form}}"
    return f"{interval.mean:{form}} [{interval.low:{form}}, {interval.high:{form}}]"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
