"""Generated pages on which every element says what it is, and a server for them under two sites."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

# Elements that can be acted on, by class. {t} is the label, such as listener-17; markup by a script where needed.
REACHABLE: dict[str, str] = {
    "link": '<a href="#{t}">{t}</a>',
    "button": "<button><span>{t}</span></button>",
    "field": '<label>{t} <input value="some value"></label>',
    "select": "<label>{t} <select><option>one<option>two<option>three</select></label>",
    "listener": '<div class="listens">{t}</div>',
    "pointer": '<span style="cursor:pointer">{t}</span>',
    "aria": '<div role="tab" tabindex="0" aria-selected="false">{t}</div>',
    "editable": '<div contenteditable="true" aria-label="{t}">Some text in it</div>',
    "icon": '<button aria-label="{t}" style="width:24px;height:24px"><svg width="12" height="12">'
    '<path d="M0 0L12 12"/></svg></button>',
    "dropdown": '<div class="listens drop" aria-haspopup="listbox" aria-expanded="false">{t} <i>v</i></div>',
    "option": '<ul role="listbox" style="margin:0;padding:0"><li role="option">{t}</li></ul>',
    "option-plain": '<ul style="margin:0;padding:0"><li class="listens">{t}</li></ul>',
    "shape": '<svg width="60" height="24"><rect class="listens" width="40" height="20" fill="red">'
    "<title>{t}</title></rect></svg>",
}
# Made by a script around a button: in shadow roots and in a scroller that shows two of its six.
SHADOWS = ("open-shadow", "closed-shadow")
SCROLLER = "scroller"
FRAMES = ("same-site-frame", "cross-site-frame")
UNREACHABLE: dict[str, str] = {
    "hidden": '<button style="display:none">{t}</button>',
    "invisible": '<button style="visibility:hidden">{t}</button>',
    "away": '<button style="position:absolute;left:-5000px">{t}</button>',
    "clipped": '<div style="height:0;overflow:hidden"><button>{t}</button></div>',
    "covered": '<div style="position:relative;width:200px;height:24px"><button>{t}</button>'
    '<div style="position:absolute;inset:0;background:#ddd"></div></div>',
    "transparent": '<div class="listens" style="opacity:0">{t}</div>',
    "inert": "<div inert><button>{t}</button></div>",
}
UNREACHABLE_SHARE = 0.2
SCROLLED = 6
IN_A_FRAME = 12
FRAMES_OF_A_KIND = 2

# Keeps every labelled element, so that the benchmark can ask where it is; the page itself is not changed.
_SCRIPT = """
const known = new Map();
const keep = (root) => {
  for (const el of root.querySelectorAll('*')) {
    const own = [...el.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join(' ');
    const label = /\\b[a-z-]+-\\d+\\b/.exec(`${own} ${el.getAttribute('aria-label') || ''}`);
    if (label) known.set(label[0], el);
    if (el.classList.contains('listens')) el.addEventListener('click', () => 0);
  }
};
for (const host of document.querySelectorAll('.host')) {
  const root = host.attachShadow({mode: host.dataset.mode});
  root.innerHTML = `<button>${host.dataset.label}</button>`;
  keep(root);
}
keep(document);
window.places = () => [...known].map(([label, el]) => {
  const r = el.getBoundingClientRect();
  let x = (r.left + r.right) / 2, y = (r.top + r.bottom) / 2, seen = r.width > 0 && r.height > 0;
  for (let at = el.parentElement || el.getRootNode().host; at; at = at.parentElement || at.getRootNode().host) {
    const b = at.getBoundingClientRect();
    if (at.classList.contains('scrolls')) seen = seen && x > b.left && x < b.right && y > b.top && y < b.bottom;
  }
  return [label, x, y, seen];
});
"""


@dataclass
class Page:
    """A page and its frames, with the labels of what can and can't be acted on, by class."""

    html: str
    frames: dict[str, str] = field(default_factory=dict)
    reachable: dict[str, list[str]] = field(default_factory=dict)
    unreachable: dict[str, list[str]] = field(default_factory=dict)


def make_page(count: int, seed: int = 1) -> Page:
    """Return a page of about ``count`` elements, a fifth of them out of reach, four frames among them."""
    rng = random.Random(seed)
    page = Page("")
    framed = {f"{kind}-{n}": kind for kind in FRAMES for n in range(FRAMES_OF_A_KIND)}
    left = count - len(framed) * IN_A_FRAME
    kinds = [*REACHABLE, *SHADOWS, SCROLLER]
    weights = [1.0] * len(kinds)
    # A scroller holds six elements.
    weights[-1] = 1 / SCROLLED
    parts: list[str] = []
    number = 0
    while number < left:
        if number // 10 * 10 == number:
            parts.append(
                f"<h3>Section {number}</h3><p>Some words that explain what follows, with {number} in them.</p>"
            )
        if rng.random() < UNREACHABLE_SHARE:
            kind = rng.choice(list(UNREACHABLE))
            label = _label(page.unreachable, kind)
            parts.append(f"<div><div>{UNREACHABLE[kind].format(t=label)}</div></div>")
            number += 1
            continue
        kind = rng.choices(kinds, weights)[0]
        body, made = _reachable(page, kind)
        parts.append(f"<div><div>{body}</div></div>")
        number += made
    for name, kind in framed.items():
        rows = "".join(f"<p><button>{_label(page.reachable, kind)}</button></p>" for _ in range(IN_A_FRAME))
        page.frames[name] = _document(rows)
        # Frames stand among the rest, the first of each kind in view.
        place = 2 if name.endswith("-0") else rng.randrange(len(parts))
        parts.insert(place, f'<iframe src="{{{name}}}" width="280" height="120"></iframe>')
    page.html = _document("".join(parts))
    return page


def _reachable(page: Page, kind: str) -> tuple[str, int]:
    """Return the markup of a class and how many elements it holds."""
    if kind == SCROLLER:
        rows = "".join(f"<p><button>{_label(page.reachable, kind)}</button></p>" for _ in range(SCROLLED))
        return f'<div class="scrolls" style="height:90px;width:280px;overflow:auto">{rows}</div>', SCROLLED
    label = _label(page.reachable, kind)
    if kind in SHADOWS:
        mode = kind.partition("-")[0]
        return f'<div class="host" data-mode="{mode}" data-label="{label}"></div>', 1
    return REACHABLE[kind].format(t=label), 1


def _label(known: dict[str, list[str]], kind: str) -> str:
    labels = known.setdefault(kind, [])
    labels.append(f"{kind}-{len(labels)}")
    return labels[-1]


def _document(body: str) -> str:
    # In columns, so that a view holds some eighty of them.
    style = "body{display:grid;grid-template-columns:repeat(4,1fr);gap:4px 12px}h3,h3+p{grid-column:1/-1;margin:0}"
    head = f'<!doctype html><meta charset="utf-8"><title>Generated</title><style>{style}</style>'
    return f"{head}{body}<script>{_SCRIPT}</script>"


class Pages:
    """Serves a page on loopback: its own frames from the address, cross-site ones from ``localhost``."""

    def __init__(self, page: Page) -> None:
        documents: dict[str, str] = {f"/{name}": html for name, html in page.frames.items()}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                text = documents.get(self.path)
                self.send_response(404 if text is None else 200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write((text or "").encode())

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        port = self._server.server_address[1]
        self.url, self.elsewhere = f"http://127.0.0.1:{port}", f"http://localhost:{port}"
        sites = {"same-site-frame": self.url, "cross-site-frame": self.elsewhere}
        places = {name: f"{sites[name.rpartition('-')[0]]}/{name}" for name in page.frames}
        documents["/"] = page.html
        for name, place in places.items():
            documents["/"] = documents["/"].replace(f"{{{name}}}", place)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
