// The list of conversations, the search in them, the models and what they took.

import { $, h, icon, count, money } from "./dom.js";
import { call } from "./api.js";

const STATES = { ready: "ready", loading: "loading…", "not loaded": "not loaded", failed: "not there" };
const ROLES = { see: "Sees", decide: "Talks" };

/** The column at the side. `go(key)` opens a conversation. */
export class Sidebar {
  constructor(go) {
    this.go = go;
    this.current = null;
    this.items = [];
    $("side-open").append(icon("menu"));
    $("side-close").append(icon("close"));
    $("side-open").addEventListener("click", () => this.slide(true));
    for (const id of ["side-close", "veil"]) $(id).addEventListener("click", () => this.slide(false));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && $("app").classList.contains("side-shown")) this.slide(false);
    });
    let timer = 0;
    $("search").addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.refresh(), 200);
    });
  }

  /** Show or hide the column where it lies over the page. */
  slide(shown) {
    $("app").classList.toggle("side-shown", shown);
    $("veil").hidden = !shown;
    $("side-open").setAttribute("aria-expanded", String(shown));
    (shown ? $("new") : $("side-open")).focus();
  }

  async refresh() {
    const search = $("search").value.trim();
    const found = await call("GET", `/api/conversations?search=${encodeURIComponent(search)}`);
    this.items = found.conversations;
    this.draw(search, found.hits);
  }

  draw(search, hits) {
    const wanted = search.toLowerCase();
    const shown = this.items.filter((item) => item.name.toLowerCase().includes(wanted));
    $("list").replaceChildren(...shown.map((item) => h("li", {}, this.entry(item))));
    $("hits").hidden = !hits.length;
    $("hits").replaceChildren(
      h("h2", { class: "hits-head", text: count(hits.length, "turn") }),
      h("ul", { class: "list" }, hits.map((hit) => h("li", {}, h("button", { type: "button", class: "entry hit", onclick: () => this.open(hit.conversation) },
        h("span", { class: "entry-name", text: hit.name }), h("span", { class: "entry-text", text: hit.text }))))));
    if (!shown.length && !hits.length) $("list").replaceChildren(h("li", { class: "nothing", text: search ? "Nothing found" : "No conversations yet" }));
  }

  entry(item) {
    const current = item.key === this.current;
    return h("button", { type: "button", class: "entry", "aria-current": current ? "page" : null, onclick: () => this.open(item.key) },
      h("span", { class: "entry-name", text: item.name }),
      item.running ? h("span", { class: "busy", title: "At work" }, h("span", { class: "hidden", text: "at work" })) : null);
  }

  open(key) {
    if ($("app").classList.contains("side-shown")) this.slide(false);
    this.go(key);
  }

  select(key) {
    this.current = key;
    this.draw($("search").value.trim(), []);
  }

  /** Show the models and the meter. */
  state(state) {
    $("models").replaceChildren(...state.models.map((model) => h("li", { class: "model", "data-state": model.state, title: model.capabilities.join(", ") },
      h("span", { class: "model-role", text: ROLES[model.role] ?? model.role }),
      h("span", { class: "model-name", text: model.reference, title: model.reference }),
      h("span", { class: "model-state", text: model.error ?? (model.waiting ? `${model.waiting} waiting` : STATES[model.state]) }))));
    const { usage, budget } = state;
    const lines = [`${(usage.input_tokens + usage.output_tokens).toLocaleString("en")} tokens · ${money(usage.cost)} since the start`];
    const limits = Object.entries(budget).map(([name, value]) => `${value} ${name}`);
    if (limits.length) lines.push(`A turn may take ${limits.join(", ")}`);
    $("meter").replaceChildren(...lines.map((text) => h("div", { text })));
  }
}
