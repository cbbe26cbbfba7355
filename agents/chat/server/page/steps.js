// What a turn did, step by step: one line each, which unfolds.

import { h, icon, count, seconds, money } from "./dom.js";
import { call, pictureOfTurn } from "./api.js";
import { cells } from "./gaze.js";
import { Regions, thumbnail } from "./regions.js";

const DOING = {
  recall: "Recalling the conversation", route: "Choosing what to do", where: "Finding where to begin", answer: "Writing",
  look: "Looking at the picture", browse: "Working on the web page", research: "Searching the sources", tool: "Using tools",
  wonder: "Finding out what is meant", gather: "Going through what was said", remember: "Remembering",
};
// What the nodes of the agents inside do; the chat's own have other meanings.
const INSIDE = { observe: "Looking at the page", decide: "Deciding what to do next", recall: "Recalling past tasks", reflect: "Looking back", plan: "Planning" };
const HIDDEN = new Set(["run_started", "run_ended", "node_started", "node_ended", "said"]);
/** Whether an action is the chat's own: keeping the turn. */
const isOwn = (event) => event.kind === "acted" && /:(remember|gather)$/.test(event.span);

/** Return what an event says the agent is doing now, in words, or null. */
export function doing(event) {
  if (event.kind === "node_started") return (event.parent ? INSIDE : DOING)[event.node] ?? null;
  if (event.kind === "looked") return `Looking for ${event.about}`;
  if (event.kind === "corrected") return `Heard: ${event.text}`;
  if (event.kind === "tool_called") return `Using ${event.tool}`;
  if (event.kind === "acted" && event.state === "pending" && !isOwn(event)) return event.action;
  return null;
}

/** The list of steps of a turn. It is made when it is first unfolded, and grows as events come. */
export class Steps {
  constructor(key, load) {
    this.key = key;
    this.events = [];
    this.shown = 0;
    this.begun = new Map();
    this.load = load;
    this.label = h("span", { class: "steps-label" });
    this.list = h("ol", { class: "steps-list" });
    this.element = h("details", { class: "steps" }, h("summary", {}, this.label), this.list);
    this.element.addEventListener("toggle", () => {
      if (!this.element.open) return;
      if (this.load && !this.events.length) this.load();
      this.fill();
    });
    this.describe();
  }

  take(event) {
    this.events.push(event);
    if (this.element.open) this.fill();
    this.describe();
  }

  fill() {
    for (; this.shown < this.events.length; this.shown += 1) {
      const event = this.events[this.shown];
      if (HIDDEN.has(event.kind) || isOwn(event)) continue;
      const made = line(event, this.key);
      if (event.kind === "acted") this.replaceBegun(event, made);
      else this.list.append(made);
    }
  }

  /** The end of an action takes the place of its beginning. */
  replaceBegun(event, made) {
    const begun = this.begun.get(event.action);
    if (begun && event.state !== "pending") begun.replaceWith(made);
    else this.list.append(made);
    if (event.state === "pending") this.begun.set(event.action, made);
    else this.begun.delete(event.action);
  }

  describe(usage) {
    const looked = this.events.filter((event) => event.kind === "looked").length;
    const calls = this.events.filter((event) => event.kind === "model_called").length || (usage?.calls ?? 0);
    const acted = this.events.filter((event) => event.kind === "acted" && event.state === "done" && !isOwn(event)).length;
    const parts = [];
    if (looked) parts.push(count(looked, "region"));
    if (acted) parts.push(count(acted, "action"));
    if (calls) parts.push(count(calls, "model call"));
    this.label.textContent = parts.length ? parts.join(" · ") : "Steps";
  }
}

function line(event, key) {
  const { name, text, detail } = words(event, key);
  const summary = [icon(name), h("span", { class: "step-text", text })];
  if (event.kind !== "model_called" && !detail.length) return h("li", { class: `step ${event.kind}` }, h("div", { class: "step-line" }, ...summary));
  const body = h("div", { class: "step-body" }, ...detail);
  const unfolding = h("details", {}, h("summary", { class: "step-line" }, ...summary), body);
  if (event.kind === "model_called") unfolding.addEventListener("toggle", () => whole(event, key, body), { once: true });
  return h("li", { class: `step ${event.kind}` }, unfolding);
}

function words(event, key) {
  switch (event.kind) {
    case "model_called": return { name: "spark", text: called(event), detail: ranking(event) };
    case "looked": return { name: "eye", text: `Looked for ${event.about}${scores(event.scores)}`, detail: [thumbnail(pictureOfTurn(key, event.image, 320, event.box), pictureOfTurn(key, event.image, 1600, event.box), `Region ${box(event.box)}`), field("Box", box(event.box))] };
    case "found": return { name: "flag", text: `Found ${event.evidence.label ?? event.evidence.source ?? "something"}`, detail: event.evidence.box ? [field("Box", box(event.evidence.box))] : [field("Source", event.evidence.source ?? ""), field("Text", event.evidence.text ?? "")] };
    case "tool_called": return { name: "tool", text: `${event.tool}${event.error ? ` failed: ${event.error}` : ""} · ${seconds(event.seconds)}`, detail: [field("Arguments", json(event.arguments)), ...(event.outcome === undefined ? [] : [field("Outcome", json(event.outcome))])] };
    case "observed": return { name: "page", text: `Saw ${event.title || event.url || "a page"}`, detail: [...(event.image ? [thumbnail(pictureOfTurn(key, event.image, 480), pictureOfTurn(key, event.image, 2000), event.title || "The page")] : []), field("Address", event.url ?? ""), field("Text of the page (untrusted)", event.text ?? "")] };
    case "acted": return { name: "hand", text: `${event.action}: ${event.state}`, detail: event.detail ? [field("Detail", event.detail)] : [] };
    case "decided": return { name: "flag", text: `Decided: ${event.choice}`, detail: ranking(event) };
    case "asked": return { name: "question", text: `Asked: ${event.question.text}`, detail: [] };
    case "answered": return { name: "question", text: `Answer: ${event.answer}`, detail: [field("By", event.by ?? "")] };
    case "corrected": return { name: "hand", text: `You said: ${event.text}`, detail: [field("By", event.by ?? ""), field("", "Heard from here on: it is part of the task.")] };
    case "recalled": return { name: "book", text: `Recalled ${count(event.items?.length ?? 0, "past task")}`, detail: (event.items ?? []).map((item) => field(item.task ?? item.id ?? "", json(item.similarity ?? ""))) };
    case "condensed": return { name: "book", text: `Condensed ${count(event.turns, "earlier turn")}`, detail: [field("", `The first ${count(event.upto, "turn")} of this conversation are now held by a digest: ${event.tokens} tokens became ${event.left}, by ${event.by}. Nothing is lost: they can be found again when they matter.`)] };
    case "remembered": return { name: "book", text: `Remembered ${event.task}`, detail: [] };
    case "budget_spent": return { name: "note", text: `The budget of ${event.allowed} ${event.limit} is spent`, detail: [] };
    case "run_resumed": return { name: "note", text: "Gone on with", detail: [] };
    case "note": return { name: "note", text: event.text, detail: [] };
    default: return { name: "note", text: event.kind.replaceAll("_", " "), detail: [field("Event", json(event))] };
  }
}

function called(event) {
  const usage = event.usage ?? {};
  const took = [usage.input_tokens ? `${usage.input_tokens + (usage.output_tokens ?? 0)} tokens` : "", event.cached ? "cached" : usage.seconds ? seconds(usage.seconds) : ""].filter(Boolean);
  const best = shares(event)[0];
  const did = event.call === "score" ? `weighed ${count(event.options?.length ?? 0, "option")}${best ? `: “${best.option}”` : ""}` : event.call === "attend" ? "showed where it looks" : `wrote${event.reply ? ` “${clip(event.reply, 60)}”` : ""}`;
  return `${event.model} ${did}${took.length ? ` · ${took.join(" · ")}` : ""}`;
}

function shares(event) {
  const values = event.scores ?? [];
  if (!values.length) return [];
  const top = Math.max(...values);
  const weights = values.map((value) => Math.exp(value - top));
  const sum = weights.reduce((a, b) => a + b, 0);
  return values.map((_, i) => ({ option: event.options[i], share: weights[i] / sum })).sort((a, b) => b.share - a.share);
}

function ranking(event) {
  const rows = shares(event);
  if (!rows.length) return [];
  return [h("table", { class: "ranking" }, h("tbody", {}, rows.slice(0, 12).map(({ option, share }) =>
    h("tr", {}, h("td", { text: clip(option, 100) }), h("td", { class: "bar" }, h("meter", { min: "0", max: "1", ".value": share, "aria-label": `Share of ${clip(option, 40)}` })), h("td", { class: "number", text: `${Math.round(share * 100)} %` })))))];
}

/** Fetch the whole of a model call when it is unfolded: its prompt, edits and cost. */
async function whole(event, key, body) {
  try {
    const full = (await call("GET", `/api/turns/${key}/events/${event.seq}`)).event;
    for (const message of full.prompt ?? []) {
      const text = message.parts.map((part) => part.text ?? `[picture ${part.image.slice(0, 8)}]`).join("\n");
      const untrusted = message.parts.some((part) => part.trust === "untrusted");
      body.append(field(`${message.role}${untrusted ? " (untrusted)" : ""}`, text));
    }
    if (full.heat) body.append(await heated(key, full.heat));
    if (full.reply) body.append(field("Reply", full.reply));
    if (full.edits?.length) body.append(field("Attention", full.edits.map((edit) => json(edit)).join("\n")));
    body.append(field("Cost", `${full.usage.input_tokens} tokens in, ${full.usage.output_tokens} out, ${money(full.usage.cost)}`));
  } catch (error) {
    body.append(field("", error.message));
  }
}

/** Return the picture that a model looked at, with the heat of its attention. */
async function heated(key, heat) {
  const [rows, columns] = heat.grid;
  const grid = Array.from({ length: rows }, (_, y) => heat.cells.slice(y * columns, (y + 1) * columns));
  const shown = new Regions(pictureOfTurn(key, heat.image), "Where the model looked");
  await shown.ready;
  shown.svg.classList.add("heat");
  shown.svg.append(...cells(grid, heat.view));
  return shown.element;
}

const field = (name, text) => h("div", { class: "field" }, name ? h("span", { class: "field-name", text: name }) : null, h("pre", { text, tabindex: "0" }));
const clip = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
const json = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 1));
const box = (values) => values.map((value) => Math.round(value)).join(", ");
const scores = (values) => {
  const shown = Object.entries(values ?? {}).slice(0, 2).map(([name, value]) => `${name} ${value.toFixed(2)}`);
  return shown.length ? ` · ${shown.join(", ")}` : "";
};
