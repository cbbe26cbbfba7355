// The page: which conversation is open, and what the buttons around it do.

import { $, announce, ask, banner, count, h, icon, money } from "./dom.js";
import { call, newKey, Refused } from "./api.js";
import { Composer } from "./composer.js";
import { choose, nothing } from "./settings.js";
import { Sidebar } from "./sidebar.js";
import { TurnView } from "./turn.js";

const tabs = new BroadcastChannel("agentkit");
const views = new Map();
let open = null;
let serial = 0;

const sidebar = new Sidebar((key) => go(key));
const composer = new Composer(send);

/** Do something of the server's; what goes wrong is shown above the conversation. */
async function attempt(action) {
  try {
    const done = await action();
    banner();
    return done ?? true;
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return enter(action);
    if (!(error instanceof Refused) && !(error instanceof TypeError)) throw error;
    banner(error instanceof Refused ? error.message : "The server can't be reached. What you typed is kept.");
    return false;
  }
}

/** Ask for the token, then do it. */
async function enter(action) {
  // A link may carry the token behind the #, which is never sent by itself.
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) history.replaceState(null, "", location.pathname);
  const token = given ?? (await ask({ title: "Token", text: "The server was started with a token.", yes: "Enter", no: "", field: "", type: "password" }));
  if (!token) return enter(action);
  try {
    await call("POST", "/api/session", { token });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    banner(error.message);
    return enter(action);
  }
  return attempt(action);
}

// Conversations.

async function go(key, { keepUrl = false } = {}) {
  const mine = (serial += 1);
  clear();
  open = null;
  if (!keepUrl) history.pushState(null, "", key ? `#c=${key}` : location.pathname);
  sidebar.select(key);
  if (!key) return head(null);
  await attempt(async () => {
    const page = await call("GET", `/api/conversations/${key}`);
    if (mine === serial) show(page);
  });
  return composer.field.focus({ preventScroll: true });
}

function show(page) {
  open = page;
  head(page);
  const pieces = page.shown.map((turn) => view(turn).element);
  if (page.earlier) pieces.unshift(h("button", { type: "button", class: "button quiet earlier", text: `Show ${count(page.earlier, "earlier turn")}`, onclick: () => showAll(page.key) }));
  pinned = true;
  $("turns").replaceChildren(...pieces);
  spend();
}

const showAll = (key) => attempt(async () => {
  clear();
  show(await call("GET", `/api/conversations/${key}?last=1000`));
  pinned = false;
  $("scroll").scrollTop = 0;
});

function view(turn) {
  if (views.has(turn.key)) views.get(turn.key).update(turn);
  else views.set(turn.key, new TurnView(turn, host));
  return views.get(turn.key);
}

function clear() {
  for (const turn of views.values()) turn.remove();
  views.clear();
  $("turns").replaceChildren();
  $("spent").textContent = "";
}

function head(page) {
  $("title").textContent = page?.name ?? "New conversation";
  document.title = page ? `${page.name} · agentkit` : "agentkit";
  $("tools").hidden = !page;
  if (page) {
    $("export-md").href = `/api/conversations/${page.key}/export?form=markdown`;
    $("export-json").href = `/api/conversations/${page.key}/export?form=json`;
  } else {
    $("turns").replaceChildren(h("div", { class: "welcome" }, icon("eye"), h("p", { class: "welcome-head", text: "What shall we look at?" }),
      h("p", { text: "Ask something, drop a picture, or name a web page. Everything stays on this machine unless you chose a model elsewhere." })));
  }
}

function spend() {
  const used = [...views.values()].map((item) => item.turn.usage);
  const tokens = used.reduce((sum, usage) => sum + usage.input_tokens + usage.output_tokens, 0);
  const cost = used.some((usage) => usage.cost === null) ? null : used.reduce((sum, usage) => sum + usage.cost, 0);
  $("spent").textContent = tokens ? `${count(tokens, "token")} · ${money(cost)}` : "";
}

let limits = {};

async function refreshState() {
  const state = await call("GET", `/api/state${open ? `?conversation=${open.key}` : ""}`);
  limits = state.budget;
  composer.most = state.max_picture;
  sidebar.state(state);
}

/** Look at the server again: the list, the models, and turns that another tab or the terminal added. */
async function refresh() {
  await sidebar.refresh();
  await refreshState();
  if (!open) return;
  const key = open.key;
  const page = await call("GET", `/api/conversations/${key}?last=${Math.max(50, views.size)}`).catch((error) => {
    if (error instanceof Refused && error.status === 404) return null;
    throw error;
  });
  if (open?.key !== key) return;
  if (page === null) {
    await go(null);
    announce("This conversation was deleted");
    return;
  }
  Object.assign(open, page);
  $("title").textContent = page.name;
  for (const turn of page.shown) {
    const known = views.get(turn.key);
    if (!known) $("turns").append(view(turn).element);
    else known.join(turn);
  }
  spend();
}

// Turns.

const host = {
  changed() {
    spend();
    tabs.postMessage("changed");
    attempt(refresh);
  },
  began(turn) {
    pinned = true;
    $("turns").append(view(turn).element);
    this.changed();
  },
  get choices() {
    return open?.choices ?? nothing();
  },
  get limits() {
    return limits;
  },
  branch(turn) {
    attempt(async () => {
      const made = await call("POST", `/api/conversations/${open.key}/branch`, { before: turn.key });
      tabs.postMessage("changed");
      await sidebar.refresh();
      await go(made.key);
      composer.fill(turn.text, turn.pictures);
    });
  },
};

/** Make the conversation that is written to, if it is not there yet. */
async function opened() {
  if (open) return;
  const made = await call("POST", "/api/conversations", {});
  history.pushState(null, "", `#c=${made.key}`);
  sidebar.current = made.key;
  open = { ...made, shown: [], earlier: 0, choices: nothing() };
  $("turns").replaceChildren();
  head(open);
}

let unsent = null;

async function send(text, pictures) {
  // The same message again has the same key, so that it can't become two turns.
  const same = unsent && unsent.text === text && String(unsent.pictures) === String(pictures);
  unsent = same ? unsent : { text, pictures, key: newKey() };
  return attempt(async () => {
    await opened();
    const turn = await call("POST", `/api/conversations/${open.key}/turns`, unsent);
    unsent = null;
    host.began(turn);
    return true;
  });
}

// The end stays in view while it grows; who has scrolled up to read is left in peace.
let pinned = true;
$("scroll").addEventListener("scroll", () => {
  const { scrollHeight, scrollTop, clientHeight } = $("scroll");
  pinned = scrollHeight - scrollTop - clientHeight < 60;
});
new ResizeObserver(() => {
  if (pinned) $("scroll").scrollTop = $("scroll").scrollHeight;
}).observe($("turns"));

// Buttons.

$("new").addEventListener("click", () => sidebar.open(null));
$("new").prepend(icon("plus"));
$("zoom-close").append(icon("close"));
$("options").addEventListener("click", () => attempt(() => choose({
  title: open ? "Settings of this conversation" : "Settings of the new conversation",
  choices: host.choices,
  budget: limits,
  async take(choices) {
    await opened();
    open.choices = (await call("PUT", `/api/conversations/${open.key}/choices`, choices)).choices;
    await refreshState();
  },
})));
$("rename").addEventListener("click", async () => {
  const name = await ask({ title: "Rename", yes: "Rename", field: open.name });
  if (name?.trim()) await attempt(async () => {
    const info = await call("PATCH", `/api/conversations/${open.key}`, { name: name.trim() });
    open.name = info.name;
    head(open);
    host.changed();
  });
});
$("delete").addEventListener("click", async () => {
  const sure = await ask({ title: "Delete this conversation?", text: `“${open.name}”, its pictures and the recordings of its turns are removed for good.`, yes: "Delete", danger: true });
  if (sure) await attempt(async () => {
    await call("DELETE", `/api/conversations/${open.key}`);
    tabs.postMessage("changed");
    await go(null);
    await sidebar.refresh();
  });
});
for (const link of ["export-md", "export-json"]) $(link).addEventListener("click", () => { $("export").open = false; });

const THEMES = ["system", "light", "dark"];
function theme(name) {
  document.documentElement.dataset.theme = name;
  $("theme").textContent = `Theme: ${name}`;
  localStorage.setItem("theme", name);
}
$("theme").addEventListener("click", () => theme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length]));
theme(THEMES.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "system");

// Other tabs, coming back, models that load.

const wanted = () => new URLSearchParams(location.hash.slice(1)).get("c");
tabs.addEventListener("message", () => attempt(refresh));
document.addEventListener("visibilitychange", () => { if (!document.hidden) attempt(refresh); });
window.addEventListener("popstate", () => go(wanted(), { keepUrl: true }));
setInterval(() => { if (!document.hidden) attempt(refreshState); }, 5000);

// Who writes before the page has loaded has opened a conversation by then.
const first = wanted();
head(null);
await attempt(refresh);
if (first && !open) await go(first, { keepUrl: true });
composer.field.focus();
