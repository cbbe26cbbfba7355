// Markdown as elements. A parser makes tokens of it; each becomes an element that is listed here, with its text as
// text. HTML in it is shown as it was typed, pictures are named and not loaded, links go to the web or to mail only.

import { h } from "./dom.js";

const BLOCKS = {
  paragraph: "p", blockquote: "blockquote", bullet_list: "ul", ordered_list: "ol", list_item: "li",
  table: "table", thead: "thead", tbody: "tbody", tr: "tr", th: "th", td: "td",
  strong: "strong", em: "em", s: "s",
};
const SAFE = /^(https?:|mailto:)/i;
const MATHS = [["$$", "$$", true], ["\\[", "\\]", true], ["\\(", "\\)", false], ["$", "$", false]];

let parser = null;

/** Return what a text in Markdown looks like, as a fragment of elements. */
export function markdown(text) {
  parser ??= makeParser();
  const root = document.createDocumentFragment();
  render(parser.parse(text, {}), root);
  return root;
}

function makeParser() {
  const made = globalThis.markdownit({ html: false, linkify: false, breaks: true });
  made.inline.ruler.before("escape", "maths", maths);
  return made;
}

/** Take `$…$`, `$$…$$`, `\(…\)` and `\[…\]`; a dollar before a space or a digit that ends nothing is a dollar. */
function maths(state, silent) {
  for (const [open, close, display] of MATHS) {
    if (!state.src.startsWith(open, state.pos)) continue;
    const from = state.pos + open.length;
    const to = state.src.indexOf(close, from);
    const inner = to < 0 ? "" : state.src.slice(from, to);
    if (!inner.trim() || (open === "$" && (/^\s|\s$/.test(inner) || /\d/.test(state.src[to + 1] ?? "")))) continue;
    if (!silent) {
      const token = state.push("maths", "", 0);
      token.content = inner;
      token.meta = { display };
    }
    state.pos = to + close.length;
    return true;
  }
  return false;
}

function render(tokens, root) {
  const open = [root];
  for (const token of tokens) {
    const top = open[open.length - 1];
    if (token.hidden) continue;
    if (token.type === "inline") {
      render(token.children, top);
    } else if (token.nesting === 1) {
      const element = opened(token);
      top.append(element.outer ?? element);
      open.push(element.inner ?? element);
    } else if (token.nesting === -1) {
      open.pop();
    } else {
      top.append(leaf(token));
    }
  }
}

function opened(token) {
  const name = token.type.replace(/_open$/, "");
  if (name === "link") return link(token.attrGet("href"));
  if (name === "heading") return h(`h${Math.min(Number(token.tag.slice(1)) + 2, 6)}`);
  if (name === "table") {
    const inner = h("table");
    // A wide table scrolls by itself, also by keyboard.
    return { outer: h("div", { class: "wide-table", tabindex: "0", role: "region", "aria-label": "Table" }, inner), inner };
  }
  const element = h(BLOCKS[name] ?? "span");
  if (name === "ordered_list" && token.attrGet("start")) element.start = Number(token.attrGet("start"));
  return element;
}

function leaf(token) {
  switch (token.type) {
    case "text": return document.createTextNode(token.content);
    case "softbreak":
    case "hardbreak": return h("br");
    case "hr": return h("hr");
    case "code_inline": return h("code", { text: token.content });
    case "code_block":
    case "fence": return code(token.content, token.info.trim().split(/\s+/)[0]);
    case "image": return h("span", { class: "named-picture", text: token.content || "picture" });
    case "maths": return formula(token.content, token.meta.display);
    default: return document.createTextNode(token.content);
  }
}

function link(href) {
  if (!href || !SAFE.test(href)) return h("span");
  return h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" });
}

function code(text, language) {
  const copy = h("button", { type: "button", class: "text-button", text: "Copy", onclick: async () => {
    await navigator.clipboard.writeText(text);
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  } });
  const head = h("div", { class: "code-head" }, h("span", { text: language || "code" }), copy);
  return h("div", { class: "code" }, head, h("pre", { tabindex: "0" }, h("code", { text: text.replace(/\n$/, "") })));
}

function formula(text, display) {
  const place = h("span", { class: display ? "maths display" : "maths" });
  try {
    globalThis.temml.render(text, place, { displayMode: display, trust: false, throwOnError: true, maxExpand: 200, maxSize: [10, 100] });
  } catch (error) {
    // What the author wrote is better than a message about it.
    if (!(error instanceof globalThis.temml.ParseError)) throw error;
    place.textContent = text;
  }
  return place;
}

/** Make the first mention of each label in a text a button that `show(index)` is called with. */
export function linkMentions(root, labels, show) {
  labels.forEach((label, index) => {
    if (!label || label.length < 3) return;
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode;
      if (node.parentElement.closest("code, pre, a, button, math")) continue;
      const at = node.data.toLowerCase().indexOf(label.toLowerCase());
      if (at < 0) continue;
      const found = node.splitText(at);
      found.splitText(label.length);
      const button = h("button", { type: "button", class: "mention", text: found.data, "aria-label": `${found.data}: show where` });
      for (const name of ["mouseenter", "focus"]) button.addEventListener(name, () => show(index, true));
      for (const name of ["mouseleave", "blur"]) button.addEventListener(name, () => show(index, false));
      button.addEventListener("click", () => show(index, true, true));
      found.replaceWith(button);
      return;
    }
  });
}
