// The page of a web task, live, with what is done to it; and the mouse, for who wants to take it.

import { h, s, announce } from "./dom.js";
import { call, pictureOfTurn } from "./api.js";
import { Regions } from "./regions.js";

const BUTTONS = ["left", "middle", "right"];
// What is done by hand is sent in bundles, one after the other.
const BUNDLE = 60;

/** What a web task works on: the recorded screenshot until the live page is there, and marks of what is done next. */
export class Screen {
  constructor(key, turn) {
    this.key = key;
    this.taken = false;
    this.hands = [];
    this.image = h("img", { class: "picture", alt: "The page of the web task, live", draggable: "false" });
    this.svg = s("svg", { class: "boxes", "aria-hidden": "true" });
    this.frame = h("div", { class: "zoomable live", hidden: true }, this.image, this.svg);
    this.still = h("div", {});
    this.where = h("span", { class: "address" });
    this.doing = h("span", {});
    this.hint = h("p", { class: "hint", hidden: true, text: "The mouse and the keys go to the page; what you type is kept nowhere. Shift and Escape leave it." });
    this.button = h("button", { type: "button", class: "button quiet", text: "Take the mouse", onclick: () => this.toggle() });
    this.trouble = h("p", { class: "trouble", role: "alert", hidden: true });
    this.element = h("section", { class: "screen", "aria-label": "The page of the web task" }, this.still, this.frame,
      h("div", { class: "screen-foot" }, h("p", { class: "screen-where" }, this.where, this.doing), this.button), this.hint, this.trouble);
    this.listen();
    this.source = new EventSource(`/api/turns/${key}/screen`);
    this.source.addEventListener("frame", (message) => this.show(JSON.parse(message.data)));
    this.source.addEventListener("end", () => this.close());
    this.own(Boolean(turn.taken));
  }

  /** Take an observation or an action of the task. */
  take(event) {
    if (event.kind === "observed" && event.image && this.frame.hidden) {
      const next = new Regions(pictureOfTurn(this.key, event.image), event.title || "The page");
      this.where.textContent = event.url ?? "";
      // The old screenshot stays until the new one is there.
      next.ready.then(() => this.still.replaceChildren(next.element));
    } else if (event.kind === "acted") {
      this.doing.textContent = event.state === "pending" ? ` · ${event.action}` : "";
      this.svg.replaceChildren(...(event.state === "pending" && event.box ? [mark(event.box)] : []));
    }
  }

  show({ jpeg, width, height, url }) {
    const bytes = Uint8Array.from(atob(jpeg), (letter) => letter.charCodeAt(0));
    const old = this.image.src;
    this.image.src = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
    if (old) URL.revokeObjectURL(old);
    this.size = [width, height];
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.frame.style.aspectRatio = `${width} / ${height}`;
    this.where.textContent = url;
    this.frame.hidden = false;
    this.still.replaceChildren();
  }

  close() {
    this.source.close();
    clearTimeout(this.timer);
    this.own(false);
    this.button.hidden = true;
    this.frame.classList.add("over");
  }

  remove() {
    this.close();
    if (this.image.src) URL.revokeObjectURL(this.image.src);
    this.element.remove();
  }

  // The mouse.

  async toggle() {
    this.button.disabled = true;
    this.trouble.hidden = true;
    try {
      const turn = await call("POST", `/api/turns/${this.key}/${this.taken ? "give" : "take"}`);
      this.own(turn.taken);
      announce(turn.taken ? "The page is in your hands" : "The agent goes on");
      if (turn.taken) this.frame.focus();
    } catch (error) {
      this.complain(error);
    }
    this.button.disabled = false;
  }

  own(taken) {
    this.taken = taken;
    this.button.textContent = taken ? "Give it back" : "Take the mouse";
    this.button.classList.toggle("quiet", !taken);
    this.hint.hidden = !taken;
    this.frame.classList.toggle("taken", taken);
    this.element.dataset.taken = String(taken);
    if (taken) this.frame.setAttribute("tabindex", "0");
    else this.frame.removeAttribute("tabindex");
  }

  listen() {
    const on = (name, take) => this.frame.addEventListener(name, (event) => { if (this.taken) take(event); }, { passive: false });
    const pointed = (kind, event) => ({ kind, ...this.place(event), button: BUTTONS[event.button] ?? "left", count: Math.min(Math.max(event.detail, 1), 3) });
    on("mousemove", (event) => {
      // Of many movements the last one counts.
      if (this.hands.at(-1)?.kind === "move") this.hands.pop();
      this.send({ kind: "move", ...this.place(event) });
    });
    on("mousedown", (event) => {
      event.preventDefault();
      this.frame.focus();
      this.send(pointed("down", event));
    });
    on("mouseup", (event) => this.send(pointed("up", event)));
    on("contextmenu", (event) => event.preventDefault());
    on("wheel", (event) => {
      event.preventDefault();
      this.send({ kind: "wheel", ...this.place(event), by: [event.deltaX, event.deltaY] });
    });
    on("paste", (event) => this.send({ kind: "type", text: event.clipboardData.getData("text").slice(0, 2000) }));
    on("keydown", (event) => {
      const { key } = event;
      const held = [event.ctrlKey && "Control", event.altKey && "Alt", event.metaKey && "Meta"].filter(Boolean);
      if (event.shiftKey && key === "Escape") return this.button.focus();
      // A paste arrives as its text; a key that is only held says nothing by itself.
      if ((held.length && key.toLowerCase() === "v") || ["Control", "Alt", "Meta", "Shift", "Dead", "Process"].includes(key)) return undefined;
      event.preventDefault();
      if (held.length) return this.send({ kind: "press", text: [...held, key].join("+") });
      if (key.length === 1 && !/[ -~]/.test(key)) return this.send({ kind: "type", text: key });
      return this.send({ kind: "press", text: event.shiftKey && key.length > 1 ? `Shift+${key}` : key });
    });
  }

  place(event) {
    const area = this.frame.getBoundingClientRect();
    const inside = (value, most) => Math.min(Math.max(value, 0), most);
    return { x: inside(((event.clientX - area.left) / area.width) * this.size[0], this.size[0]), y: inside(((event.clientY - area.top) / area.height) * this.size[1], this.size[1]) };
  }

  send(hand) {
    this.hands.push(hand);
    this.timer ??= setTimeout(() => this.flush(), BUNDLE);
  }

  async flush() {
    const done = this.hands.splice(0, 200);
    try {
      await call("POST", `/api/turns/${this.key}/hands`, { done });
    } catch (error) {
      this.hands = [];
      this.complain(error);
    }
    this.timer = null;
    if (this.hands.length) this.timer = setTimeout(() => this.flush(), BUNDLE);
  }

  complain(error) {
    this.trouble.textContent = error.message;
    this.trouble.hidden = false;
  }
}

const mark = ([left, top, right, bottom]) => s("rect", { x: left, y: top, width: Math.max(right - left, 1), height: Math.max(bottom - top, 1), class: "proof bright next", "vector-effect": "non-scaling-stroke" });
