// Where a local model looks, word by word of an answer, and the answer again when its attention is moved by hand.

import { h, s, announce } from "./dom.js";
import { call, picture, pictureOf } from "./api.js";

const SIDES = ["left", "top", "right", "bottom"];
const TOOLS = [["brush", "Brush"], ["box", "Box"]];
const KINDS = [["look", "Look at"], ["ignore", "Ignore"]];
// A brush is so wide, as a share of the picture's longer side.
const BRUSH = 0.05;

/** A panel about one picture of a turn, or without one about the words of the turn. */
export class Gaze {
  constructor(turn, digest = null) {
    this.turn = turn;
    this.digest = digest;
    this.marks = [];
    this.kind = "look";
    this.tool = "brush";
    this.canvases = new Set();
    this.tries = 0;
    this.views = h("div", { class: "gazes" });
    this.state = h("p", { class: "now", text: "Reading the attention" });
    this.trouble = h("p", { class: "trouble", role: "alert", hidden: true });
    this.sentences = sentencesOf(turn.text).map(({ text, place }) => h("button", { type: "button", class: "sentence", "aria-pressed": "false", text, "data-place": place.join(), onclick: (event) => this.choose(event.currentTarget) }));
    this.element = h("section", { class: "gaze", "aria-label": "Where the model looks" }, this.state, this.views, this.controls(), this.trouble);
    this.ask();
  }

  controls() {
    const again = h("div", { class: "row" },
      h("button", { type: "button", class: "button", text: "Ask again", onclick: () => this.ask() }),
      h("button", { type: "button", class: "button quiet", text: "Clear", onclick: () => this.clear() }));
    const obey = h("div", { class: "edit-row" }, h("span", { class: "hint", text: "Obey more:" }), this.sentences);
    if (!this.digest) return h("div", { class: "edits" }, obey, again);
    this.fields = SIDES.map((name) => h("input", { class: "input number", type: "number", min: "0", step: "1", "aria-label": `Box: ${name}, in pixels`, placeholder: name }));
    const typed = h("form", { class: "row", onsubmit: (event) => {
      event.preventDefault();
      if (this.fields.every((field) => field.value !== "")) this.mark({ box: this.fields.map((field) => Number(field.value)) });
    } }, h("span", { class: "hint", text: "Or type a box:" }), this.fields, h("button", { class: "button quiet", type: "submit", text: "Add the box" }));
    this.how = h("select", { class: "input", "aria-label": "How a region is looked at" }, h("option", { value: "reweight", text: "Reweight (fast)" }), h("option", { value: "focus", text: "ControlMLLM (slower)" }));
    again.append(this.how);
    return h("div", { class: "edits" },
      h("div", { class: "edit-row" }, h("span", { class: "hint", text: "Paint on a picture:" }), this.choice("kind", KINDS), this.choice("tool", TOOLS)),
      typed, obey, again);
  }

  /** Return buttons of which one is pressed: the panel's `name` is its value. */
  choice(name, values) {
    const buttons = values.map(([value, text]) => h("button", { type: "button", class: "option", text, "aria-pressed": String(this[name] === value), onclick: (event) => {
      this[name] = value;
      for (const button of buttons) button.setAttribute("aria-pressed", String(button === event.currentTarget));
    } }));
    return h("div", { class: "options", role: "group", "aria-label": name === "kind" ? "What a mark says" : "What to draw" }, buttons);
  }

  choose(button) {
    const on = button.getAttribute("aria-pressed") !== "true";
    for (const other of this.sentences) other.setAttribute("aria-pressed", String(on && other === button));
  }

  get obeyed() {
    const button = this.sentences.find((item) => item.getAttribute("aria-pressed") === "true");
    return button ? { place: button.dataset.place.split(",").map(Number), text: button.textContent } : null;
  }

  clear() {
    this.marks = [];
    for (const canvas of this.canvases) canvas.replaceChildren();
    for (const button of this.sentences) button.setAttribute("aria-pressed", "false");
  }

  /** Add a mark, {box} or {stroke, width}, of the kind that is chosen; every view of the picture shows it. */
  mark(shape) {
    const made = { ...shape, ignore: this.kind === "ignore" };
    this.marks.push(made);
    for (const canvas of this.canvases) canvas.append(drawn(made));
    announce(`${made.ignore ? "To ignore" : "To look at"}: ${this.marks.length} on the picture`);
  }

  async ask() {
    const { obeyed } = this;
    const edited = this.marks.length > 0 || obeyed !== null;
    this.state.textContent = edited ? "Asking again" : "Reading the attention";
    this.state.hidden = false;
    this.trouble.hidden = true;
    try {
      const found = await call("POST", `/api/turns/${this.turn.key}/attention`, { picture: this.digest, marks: this.marks, obey: obeyed?.place ?? null, how: this.how?.value ?? "reweight" });
      const shown = this.digest ? await picture(pictureOf(this.digest)) : null;
      if (!edited) this.views.replaceChildren();
      if (!edited || !this.views.childElementCount) {
        if (found.said) this.add("The answer", found.said, found, shown);
        this.add(found.said ? "Asked directly" : "The answer", found.plain, found, shown);
      } else if (obeyed && !this.digest) {
        this.add("The same sentences, unedited", found.plain, found, shown);
      }
      if (found.edited) this.add(this.describe(obeyed), found.edited, found, shown);
    } catch (error) {
      this.trouble.textContent = error.message;
      this.trouble.hidden = false;
    }
    this.state.hidden = true;
  }

  describe(obeyed) {
    this.tries += 1;
    const counts = KINDS.map(([kind, text]) => [this.marks.filter((mark) => mark.ignore === (kind === "ignore")).length, text.toLowerCase()]).filter(([number]) => number);
    const parts = counts.map(([number, text]) => `${number} to ${text}`);
    if (obeyed) parts.push(`obeying “${obeyed.text.trim()}”`);
    return `Edit ${this.tries}: ${parts.join(", ")}`;
  }

  add(title, gaze, found, shown) {
    const view = new View(title, gaze, found, shown, this);
    this.views.append(view.element);
    if (gaze === found.edited) view.element.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }
}

/** One answer whose words can be clicked, over the picture (or the words) with the heat of the chosen one. */
class View {
  constructor(title, gaze, found, shown, panel) {
    this.gaze = gaze;
    this.found = found;
    this.words = gaze.words.map((word, i) => (gaze.heat[i]
      ? h("button", { type: "button", class: "gaze-word", "aria-pressed": "false", text: word.trim(), onclick: () => this.pick(this.picked === i ? null : i) })
      : h("span", { text: word.trim() })));
    this.note = h("span", {});
    const caption = h("figcaption", {}, h("span", { class: "gaze-title", text: title }), h("strong", { class: "gaze-answer" }, this.words.flatMap((word) => [word, " "])), this.note);
    this.element = h("figure", { class: shown ? "regions" : "regions wide" }, shown ? this.over(title, shown, panel) : this.asked(), caption);
    this.pick(null);
  }

  over(title, { url, width, height }, panel) {
    this.heat = s("g", {});
    const marks = s("g", {});
    const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, class: "boxes heat", "aria-hidden": "true" }, this.heat, marks);
    for (const mark of panel.marks) marks.append(drawn(mark));
    panel.canvases.add(marks);
    const frame = h("div", { class: "zoomable drawing" }, h("img", { src: url, alt: `${title}: the picture with the heat of the attention`, class: "picture", draggable: "false" }), svg);
    frame.style.aspectRatio = `${width} / ${height}`;
    paintable(frame, marks, width, height, panel);
    return frame;
  }

  asked() {
    // A sentence that stands by itself begins without a space.
    this.pieces = this.found.asked.map((word, i) => h("span", { class: "asked-word", text: i && !/^\s/.test(word) ? ` ${word}` : word }));
    return h("p", { class: "asked-words", "aria-label": "What was asked, with the heat of the attention" }, this.pieces);
  }

  /** Show the heat of one word, or of all together. */
  pick(number) {
    this.picked = number;
    this.words.forEach((word, i) => { if (this.gaze.heat[i]) word.setAttribute("aria-pressed", String(i === number)); });
    const values = number === null ? sum(this.gaze.heat.filter(Boolean)) : this.gaze.heat[number];
    if (this.heat) {
      const [rows, columns] = this.found.grid;
      const grid = Array.from({ length: rows }, (_, y) => values.slice(y * columns, (y + 1) * columns));
      this.heat.replaceChildren(...cells(grid, this.found.view));
    } else {
      const most = Math.max(...values) || 1;
      this.pieces.forEach((piece, i) => piece.style.setProperty("--heat", `${Math.round((values[i] / most) ** 0.7 * 60)}%`));
    }
    const share = this.gaze.in_marks === null ? "" : ` · ${Math.round(this.gaze.in_marks * 100)} % of the heat in what is marked`;
    this.note.textContent = `${number === null ? "Heat of the whole answer; choose a word" : `Heat of “${this.gaze.words[number].trim()}”`}${share}`;
  }
}

/** Let the pointer paint on a picture; a mark is kept when the pointer is lifted. */
function paintable(frame, canvas, width, height, panel) {
  let points = null;
  let shown = null;
  const place = (event) => {
    const area = frame.getBoundingClientRect();
    const inside = (value, most) => Math.min(Math.max(Math.round(value), 0), most);
    return [inside(((event.clientX - area.left) / area.width) * width, width), inside(((event.clientY - area.top) / area.height) * height, height)];
  };
  const shape = () => {
    const end = points.at(-1);
    if (panel.tool === "brush") return { stroke: points, width: Math.max(1, Math.round(Math.max(width, height) * BRUSH)) };
    const [from] = points;
    return { box: [Math.min(from[0], end[0]), Math.min(from[1], end[1]), Math.max(from[0], end[0]), Math.max(from[1], end[1])] };
  };
  const show = () => {
    shown?.remove();
    shown = drawn({ ...shape(), ignore: panel.kind === "ignore" });
    canvas.append(shown);
  };
  frame.addEventListener("pointerdown", (event) => {
    points = [place(event)];
    frame.setPointerCapture(event.pointerId);
    show();
  });
  frame.addEventListener("pointermove", (event) => {
    if (!points) return;
    const next = place(event);
    if (String(next) !== String(points.at(-1)) && points.length < 2000) points.push(next);
    show();
  });
  const end = (keep) => {
    if (!points) return;
    const made = shape();
    points = null;
    shown.remove();
    shown = null;
    // A box without a side is a slip of the hand.
    if (keep && (made.stroke || (made.box[2] > made.box[0] && made.box[3] > made.box[1]))) panel.mark(made);
  };
  frame.addEventListener("pointerup", () => end(true));
  frame.addEventListener("pointercancel", () => end(false));
}

/** Return a mark as a shape over its picture. */
function drawn({ box, stroke, width, ignore }) {
  const kind = ignore ? "mark ignore" : "mark";
  if (box) return s("rect", { ...sides(box), class: kind, "vector-effect": "non-scaling-stroke" });
  if (stroke.length === 1) return s("circle", { cx: stroke[0][0], cy: stroke[0][1], r: width / 2, class: `${kind} dot` });
  const line = s("polyline", { points: stroke.map((point) => point.join()).join(" "), class: `${kind} stroke` });
  line.style.strokeWidth = String(width);
  return line;
}

/** Return the sentences of a text with their places: the number of the first character, and of the one after the last. */
function sentencesOf(text) {
  const pieces = [...new Intl.Segmenter(undefined, { granularity: "sentence" }).segment(text)].map((item) => item.segment);
  let from = 0;
  return pieces.map((piece) => {
    // The server counts letters, a script of the page half letters.
    const place = [from, from + [...piece].length];
    [, from] = place;
    return { text: piece, place };
  }).filter((item) => item.text.trim());
}

const sum = (rows) => rows[0].map((_, i) => rows.reduce((total, row) => total + row[i], 0));

/** Return the cells of a heat map over its view, the hottest the most opaque. */
export function cells(heat, view) {
  const [left, top, right, bottom] = view;
  const high = (bottom - top) / heat.length;
  const wide = (right - left) / heat[0].length;
  const most = Math.max(...heat.flat()) || 1;
  return heat.flatMap((row, y) => row.map((value, x) => s("rect", { class: "cell", x: left + x * wide, y: top + y * high, width: wide, height: high, "fill-opacity": ((value / most) ** 0.7 * 0.75).toFixed(3) })));
}

const sides = ([left, top, right, bottom]) => ({ x: left, y: top, width: Math.max(right - left, 1), height: Math.max(bottom - top, 1) });
