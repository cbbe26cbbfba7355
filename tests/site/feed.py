"""A feed without an end: more of it is fetched when its end comes into view, and what has left the view is dropped."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

BATCH, LAST = 10, 60
PAGE = """<!doctype html><meta charset="utf-8"><title>Feed</title><h1>Feed</h1>
<style>article { height: 120px; border-bottom: 1px solid } #end { height: 20px }</style>
<main></main><p id="end"></p><p id="liked"></p>
<script>
const main = document.querySelector('main'), end = document.querySelector('#end');
let next = 0, asked = false, above = 0;
async function more() {
  if (asked) return;
  asked = true;
  end.textContent = 'Loading';
  const posts = await (await fetch('/feed/posts?from=' + next)).json();
  for (const number of posts) {
    const post = document.createElement('article');
    post.innerHTML = `<p>Post ${number}</p><button>Like post ${number}</button>`;
    post.querySelector('button').onclick = () => document.querySelector('#liked').textContent = `Liked ${number}`;
    main.append(post);
  }
  next += posts.length;
  end.textContent = posts.length ? '' : 'That was all';
  while (main.children.length > 30) {
    // What is far above is dropped and its room kept, as long lists do.
    above += main.firstElementChild.getBoundingClientRect().height;
    main.firstElementChild.remove();
  }
  main.style.paddingTop = above + 'px';
  asked = false;
  if (posts.length) { watch.unobserve(end); watch.observe(end); }
}
const watch = new IntersectionObserver(seen => seen.some(s => s.isIntersecting) && more(), {rootMargin: '100px'});
watch.observe(end);
</script>"""


def page(path: str, query: Mapping[str, str]) -> str | None:
    """Return the feed, or a batch of the numbers of its posts; None for another path."""
    if path == "/feed":
        return PAGE
    if path == "/feed/posts":
        # Long enough that the page looks finished while it is not.
        time.sleep(0.15)
        first = int(query["from"])
        return json.dumps(list(range(first, min(first + BATCH, LAST))))
    return None
