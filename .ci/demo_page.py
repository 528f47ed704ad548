"""Put what the demos left in .demo on one page that needs nothing beside it: demo_page.py [package …]."""

import base64
import html
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / ".demo"

# What of each demo is shown: file, and what it is.
SHOWN = {
    "viai": [
        ("spectrograms.png", "A piece with 0.8 s cut out, filled, and as it was."),
        ("damaged.wav", "What was given."),
        ("repaired.wav", "What came back."),
    ],
    "hybridmesh": [
        ("photo.png", "A rendered person."),
        ("photo/overlay.png", "The body that was recovered from keypoints and an IUV map."),
        ("photo/turntable.gif", "The same from all sides."),
    ],
    "gramtex": [("sheet.png", "Four cloths, each beside what was made of its Gram matrices.")],
    "openlt": [
        (
            "bands.png",
            "Accuracy on digits with many, some and few training pictures, before and after the second stage.",
        )
    ],
    "graphfit": [("sheet.png", "Outfits around one garment, a row for each colour style; all garments are drawings.")],
}
TYPES = {".png": "image/png", ".gif": "image/gif", ".wav": "audio/wav"}
STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}
figure{display:inline-block;margin:.5rem 1rem .5rem 0;vertical-align:top}figcaption{color:#555;font-size:14px}
img{max-width:100%;max-height:40rem}"""


def figure(path: Path, caption: str) -> str:
    """Return one file with its caption, as HTML that holds the file's bytes."""
    kind = TYPES[path.suffix]
    data = f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
    text = html.escape(caption)
    shown = f'<img alt="{text}" src="{data}">' if kind.startswith("image") else f'<audio controls src="{data}"></audio>'
    return f"<figure>{shown}<figcaption>{text}</figcaption></figure>"


def main(packages: list[str]) -> None:
    """Write .demo/index.html."""
    body = []
    for name in packages:
        body.append(f"<h2>{name}</h2>")
        body += [figure(DEMO / name / file, caption) for file, caption in SHOWN[name]]
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>What the demos made</title><style>{STYLE}</style><h1>What the demos made</h1>{''.join(body)}</html>\n"
    )
    (DEMO / "index.html").write_text(page, encoding="utf-8")
    print(f"open .demo/index.html: the results of {', '.join(packages)}, {len(page) / 1e6:.1f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
