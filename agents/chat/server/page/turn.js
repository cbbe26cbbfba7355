// One turn of a conversation: what was asked, what happens, what came of it.

import { h, announce, banner, count, seconds, when } from "./dom.js";
import { call, follow, newKey, pictureOf, pictureOfTurn } from "./api.js";
import { markdown, linkMentions } from "./markdown.js";
import { Regions, thumbnail } from "./regions.js";
import { Screen } from "./screen.js";
import { Steps, doing } from "./steps.js";
import { card } from "./cards.js";
import { Gaze } from "./gaze.js";
import { choose, nothing, spent } from "./settings.js";

const ENDED = {
  stopped: "Stopped.", interrupted: "The server stopped while this was under way.", budget: "The budget is spent.", failed: "This failed",
};
const AGAIN = { stopped: "Go on", interrupted: "Go on", budget: "Go on", failed: "Try again" };

/**
 * A turn on the page. `host` is told of changes: changed(turn), began(turn), branch(turn), and knows `choices` and
 * `limits`. Another answer to a turn is a view of its own, beside the first one, without the words that were asked.
 */
export class TurnView {
  constructor(turn, host) {
    this.host = host;
    this.others = new Map();
    this.key = turn.key;
    this.last = -1;
    this.text = "";
    this.regions = new Map();
    this.page = null;
    this.letGo = null;
    this.steps = new Steps(turn.key, () => this.loadSteps());
    this.now = h("p", { class: "now", hidden: true });
    this.pictures = h("div", { class: "regions-list" });
    this.answer = h("div", { class: "answer", "aria-live": "off" });
    this.evidence = h("ul", { class: "evidence", "aria-label": "Evidence", hidden: true });
    this.asks = h("div", { class: "asks" });
    this.state = h("p", { class: "turn-state", hidden: true });
    this.controls = h("div", { class: "turn-controls" });
    this.by = h("p", { class: "by", hidden: true });
    const reply = h("div", { class: "reply" }, this.by, this.steps.element, this.pictures, this.now, this.answer, this.evidence, this.asks, this.state, this.controls);
    this.versions = h("div", { class: "versions" }, reply);
    this.element = turn.of
      ? h("section", { class: "version", "data-key": turn.key, "aria-label": "Another answer" }, reply)
      : h("article", { class: "turn", "data-key": turn.key, "aria-label": `Turn of ${when(turn.time)}` }, this.asked(turn), this.versions);
    this.update(turn);
  }

  /** Take the turn as the server has it. */
  update(turn) {
    this.turn = turn;
    this.element.dataset.status = turn.status;
    this.element.setAttribute("aria-busy", String(turn.status === "running"));
    if (turn.status === "running") this.follow();
    else this.settle();
    this.drawControls();
    for (const other of turn.others ?? []) this.beside(other);
    this.by.hidden = !turn.of && !this.others.size;
    this.by.textContent = by(turn);
  }

  /** Take a turn as another tab, or the terminal, may have left it; what is followed here is known better. */
  join(turn) {
    if (this.turn.status !== turn.status && !this.letGo) this.update(turn);
    else for (const other of turn.others ?? []) this.beside(other);
  }

  /** Show another answer to the same words beside this one. */
  beside(other) {
    const known = this.others.get(other.key);
    if (known) {
      known.join(other);
      return;
    }
    const made = new TurnView(other, this.host);
    this.others.set(other.key, made);
    this.versions.append(made.element);
    this.versions.classList.add("several");
    this.by.hidden = false;
  }

  /** Answer once more, with other choices if any. */
  async again(choices) {
    const turn = await call("POST", `/api/turns/${this.key}/again`, { choices, key: newKey() });
    this.beside(turn);
    this.host.changed(turn);
  }

  asked(turn) {
    const pictures = turn.pictures.map((digest, i) => thumbnail(pictureOf(digest, 480), pictureOf(digest, 2400), `Picture ${i + 1}`));
    return h("div", { class: "asked" },
      h("h2", { class: "hidden", text: "You" }),
      pictures.length ? h("div", { class: "asked-pictures" }, pictures) : null,
      h("p", { class: "asked-text", text: turn.text }));
  }

  // Following.

  follow() {
    if (this.letGo) return;
    this.asks.replaceChildren();
    this.answer.replaceChildren();
    this.text = "";
    this.doing("Waiting for the agent");
    this.letGo = follow(this.key, this.last, {
      event: (event) => this.take(event),
      queue: (ahead) => this.doing(ahead ? `Waiting for the model: ${count(ahead, "call")} ahead` : "Working"),
      line: (open) => banner(open ? "" : "The connection is lost. Trying again…"),
      end: (turn) => {
        this.letGo = null;
        this.update(turn);
        announce(turn.status === "done" ? `Answer: ${turn.answer ?? ""}` : turn.question ? `Question: ${turn.question.text}` : `The turn is ${turn.status}`);
        this.host.changed(turn);
      },
    });
  }

  /** Fetch the events of a turn that is over, for the list of steps. */
  loadSteps() {
    if (this.letGo || this.last >= 0) return;
    const stop = follow(this.key, -1, {
      event: (event) => { this.last = event.seq; this.steps.take(event); this.draw(event); },
      queue: () => {}, line: () => {}, end: () => stop(),
    });
  }

  take(event) {
    this.last = event.seq;
    this.steps.take(event);
    // For scripts of somebody's own on the page: every event, once.
    this.element.dispatchEvent(new CustomEvent("agentkit", { detail: { turn: this.key, event }, bubbles: true }));
    const words = doing(event);
    if (words) this.doing(words);
    if (event.kind === "run_resumed") this.text = "";
    if (event.kind === "said") this.say(event.text);
    this.draw(event);
  }

  draw(event) {
    if (event.kind === "looked") this.regionsOf(event.image).look(event);
    else if (event.kind === "found" && event.evidence.image) this.regionsOf(event.evidence.image).prove(event.evidence);
    else if (event.kind === "observed" || event.kind === "acted") {
      if (event.kind === "observed" && event.url) this.page = event;
      if (!this.letGo) return;
      if (!this.screen && event.kind === "observed" && event.url) {
        this.screen = new Screen(this.key, this.turn);
        this.pictures.append(this.screen.element);
      }
      this.screen?.take(event);
    }
  }

  say(text) {
    this.text += text;
    this.now.hidden = true;
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = 0;
      if (this.letGo) {
        this.answer.replaceChildren(markdown(this.text));
      }
    });
  }

  doing(words) {
    this.now.hidden = Boolean(this.text);
    this.now.textContent = words;
  }

  regionsOf(digest) {
    if (!this.regions.has(digest)) {
      const number = this.regions.size + 1;
      const made = new Regions(pictureOfTurn(this.key, digest), `Picture ${number}, with the regions that were looked at`);
      this.regions.set(digest, made);
      this.pictures.append(made.element);
    }
    return this.regions.get(digest);
  }

  // What came of it.

  settle() {
    const { turn } = this;
    this.letGo?.();
    this.letGo = null;
    this.now.hidden = true;
    this.answer.replaceChildren(markdown(turn.answer ?? ""));
    this.answer.classList.toggle("untrusted", !turn.trusted);
    this.steps.element.hidden = !turn.recorded;
    this.steps.describe(turn.usage);
    this.drawEvidence();
    for (const regions of this.regions.values()) regions.settle();
    // The approval shows the page itself; what is over is in the steps.
    this.screen?.remove();
    this.screen = null;
    this.state.hidden = !(turn.status in ENDED);
    this.state.textContent = turn.error ? `${ENDED[turn.status]}: ${turn.error}`.replace(".:", ":") : ENDED[turn.status] ?? "";
    this.asks.replaceChildren();
    if (turn.question) {
      this.asks.append(card(turn.question, this.key, this.page, async (text) => {
        const taken = await call("POST", `/api/turns/${this.key}/answer`, { question: turn.question.id, answer: text });
        this.update(taken);
        this.host.changed(taken);
      }));
    }
  }

  drawEvidence() {
    const { turn } = this;
    const shown = turn.evidence.map((item) => {
      const regions = item.image && turn.recorded ? this.regionsOf(item.image) : null;
      return { item, regions, index: regions ? regions.prove(item) : -1 };
    });
    this.evidence.hidden = !shown.length;
    this.evidence.replaceChildren(...shown.map((entry) => h("li", {}, proof(entry))));
    linkMentions(this.answer, shown.map(({ item }) => item.label), (i, on, scroll) => {
      shown[i].regions?.highlight(shown[i].index, on, scroll);
    });
  }

  drawControls() {
    const { turn } = this;
    const button = (text, action, label) => h("button", { type: "button", class: "text-button", text, "aria-label": label ?? text, onclick: () => this.attempt(action) });
    const items = [];
    if (turn.status === "running") {
      items.push(button("Stop", () => this.post("stop")), button("Pause", () => this.post("pause")));
      if (!turn.of) items.push(button("Correct", () => this.correct()));
    } else {
      const { usage } = turn;
      if (usage.calls) items.push(h("span", { class: "took", text: `${seconds(usage.seconds)} · ${spent(usage, this.host.limits)}` }));
      if (turn.status in AGAIN) items.push(button(AGAIN[turn.status], () => this.post("resume")));
      if (turn.status === "waiting") items.push(button("Stop", () => this.post("stop")));
      if (turn.status === "waiting" && !turn.of) items.push(button("Correct", () => this.correct()));
      if (turn.answer) items.push(button("Copy", async () => { await navigator.clipboard.writeText(turn.answer); announce("Copied"); }, "Copy the answer"));
      if (!turn.of) {
        items.push(button("Regenerate", () => this.again(nothing())));
        items.push(button("Compare", () => choose({ title: "Another answer, beside this one", yes: "Answer", again: true, choices: this.host.choices, take: (choices) => this.again(choices) })));
        items.push(button("Edit and branch", () => this.host.branch(turn)));
      }
      if (turn.recorded && (turn.pictures.length || turn.route === "answer")) items.push(button("Attention", () => this.gaze(), "Where does the model look?"));
      if (turn.recorded) items.push(h("a", { class: "text-button", href: `/api/turns/${turn.key}/report`, target: "_blank", rel: "noopener", text: "Report" }));
    }
    this.controls.replaceChildren(...items);
  }

  async attempt(action) {
    try {
      await action();
    } catch (error) {
      announce(error.message);
      this.state.textContent = error.message;
      this.state.hidden = false;
    }
  }

  async post(what) {
    const turn = await call("POST", `/api/turns/${this.key}/${what}`);
    if (what === "pause") this.doing("Pausing after this step");
    // A turn that was stopped ends its own stream.
    else if (!this.letGo || turn.status !== "running") this.update(turn);
    this.host.changed(turn);
  }

  correct() {
    const input = h("input", { class: "input", type: "text", "aria-label": "What is wrong", placeholder: "No, the blue one", maxlength: 4000 });
    const form = h("form", { class: "row correction", onsubmit: (event) => {
      event.preventDefault();
      if (!input.value.trim()) return;
      this.attempt(async () => {
        const turn = await call("POST", `/api/turns/${this.key}/steer`, { text: input.value.trim(), key: newKey() });
        form.remove();
        if (turn.key === this.key) announce("The agent hears it before it decides again");
        else this.host.began(turn);
      });
    } }, input, h("button", { class: "button", type: "submit", text: "Correct" }), h("button", { class: "button quiet", type: "button", text: "Cancel", onclick: () => form.remove() }));
    this.controls.after(form);
    input.focus();
  }

  /** Show where the local model looks in the turn's pictures (or words), or stop it. */
  gaze() {
    if (this.gazes) {
      this.gazes.remove();
      this.gazes = null;
      return;
    }
    this.gazes = h("div", { class: "gaze-list" }, (this.turn.pictures.length ? this.turn.pictures : [null]).map((digest) => new Gaze(this.turn, digest).element));
    this.controls.after(this.gazes);
  }

  remove() {
    for (const other of this.others.values()) other.remove();
    this.letGo?.();
    this.screen?.remove();
    this.element.remove();
  }
}

/** Return what gave an answer: models by role, and how pictures were searched. */
function by(turn) {
  const models = [...new Set(Object.values(turn.models ?? {}))];
  return [models.join(", ") || "Another answer", turn.route === "look" ? turn.strategy : ""].filter(Boolean).join(" · ");
}

function proof({ item, regions, index }) {
  if (item.kind === "source") return h("span", { class: "chip" }, h("span", { text: item.source ?? "" }), item.text ? h("q", { text: item.text }) : null);
  const score = item.score === null || item.score === undefined ? "" : ` · ${Math.round(item.score * 100)} %`;
  const label = `${item.label ?? "region"}${score}`;
  const point = (on, scroll) => regions?.highlight(index, on, scroll);
  return h("button", { type: "button", class: "chip", text: label, "aria-label": `Evidence: ${label}. Show where`, onmouseenter: () => point(true), onmouseleave: () => point(false), onfocus: () => point(true), onblur: () => point(false), onclick: () => point(true, true) });
}
