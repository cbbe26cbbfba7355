// Where a local model looks in a picture: the heat over it, and the answer again with a box that is drawn by hand.

import { h, s } from "./dom.js";
import { call, picture, pictureOf } from "./api.js";

const FIELDS = ["left", "top", "right", "bottom"];

/** A panel about one picture of a turn. */
export class Gaze {
  constructor(digest, question) {
    this.digest = digest;
    this.question = question;
    this.box = null;
    this.views = h("div", { class: "gazes" });
    this.state = h("p", { class: "now", text: "Reading the attention" });
    this.trouble = h("p", { class: "trouble", role: "alert", hidden: true });
    this.fields = FIELDS.map((name) => h("input", { class: "input number", type: "number", min: "0", step: "1", "aria-label": `Box: ${name}, in pixels`, placeholder: name }));
    const form = h("form", { class: "row", onsubmit: (event) => {
      event.preventDefault();
      const values = this.fields.map((field) => Number(field.value));
      if (this.fields.every((field) => field.value !== "")) this.ask(values);
    } }, h("span", { class: "hint", text: "Draw a box on the picture, or type one:" }), this.fields, h("button", { class: "button quiet", type: "submit", text: "Look there" }));
    this.element = h("section", { class: "gaze", "aria-label": "Where the model looks" }, this.state, this.views, form, this.trouble);
    this.ask(null);
  }

  async ask(box) {
    this.state.hidden = false;
    this.trouble.hidden = true;
    try {
      const [found, shown] = await Promise.all([
        call("POST", `/api/pictures/${this.digest}/look`, { question: this.question, box }),
        picture(pictureOf(this.digest)),
      ]);
      const plain = this.view("As it is", found.plain, found.view, shown, box);
      const focused = found.focused ? this.view("Looking in the box", found.focused, found.view, shown, box) : null;
      this.views.replaceChildren(...[plain, focused].filter(Boolean));
    } catch (error) {
      this.trouble.textContent = error.message;
      this.trouble.hidden = false;
    }
    this.state.hidden = true;
  }

  view(title, gaze, view, shown, box) {
    const { width, height } = shown;
    const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, class: "boxes heat", "aria-hidden": "true" }, ...cells(gaze.heat, view));
    if (box) svg.append(rect(box, "proof"));
    const image = h("img", { src: shown.url, alt: `${title}: the picture with the heat of the attention`, class: "picture", draggable: "false" });
    const frame = h("div", { class: "zoomable drawing" }, image, svg);
    frame.style.aspectRatio = `${width} / ${height}`;
    this.drawable(frame, svg, width, height);
    const share = gaze.in_box === null ? "" : ` · ${Math.round(gaze.in_box * 100)} % of the heat in the box`;
    return h("figure", { class: "regions" }, frame, h("figcaption", {}, h("strong", { text: gaze.answer || "(no answer)" }), ` ${title}${share}`));
  }

  /** Let a box be drawn with the pointer; it is asked about when it is done. */
  drawable(frame, svg, width, height) {
    let from = null;
    let mark = null;
    const place = (event) => {
      const area = frame.getBoundingClientRect();
      const x = ((event.clientX - area.left) / area.width) * width;
      const y = ((event.clientY - area.top) / area.height) * height;
      return [Math.min(Math.max(Math.round(x), 0), width), Math.min(Math.max(Math.round(y), 0), height)];
    };
    const boxTo = ([x, y]) => [Math.min(from[0], x), Math.min(from[1], y), Math.max(from[0], x), Math.max(from[1], y)];
    frame.addEventListener("pointerdown", (event) => {
      from = place(event);
      mark = rect([...from, ...from], "proof");
      svg.append(mark);
      frame.setPointerCapture(event.pointerId);
    });
    frame.addEventListener("pointermove", (event) => {
      if (!from) return;
      const box = boxTo(place(event));
      for (const [name, value] of Object.entries(sides(box))) mark.setAttribute(name, value);
    });
    frame.addEventListener("pointerup", (event) => {
      if (!from) return;
      const box = boxTo(place(event));
      from = null;
      mark.remove();
      if (box[2] - box[0] < 4 || box[3] - box[1] < 4) return;
      this.fields.forEach((field, i) => { field.value = box[i]; });
      this.ask(box);
    });
  }
}

/** Return the cells of a heat map over its view, the hottest the most opaque. */
export function cells(heat, view) {
  const [left, top, right, bottom] = view;
  const high = (bottom - top) / heat.length;
  const wide = (right - left) / heat[0].length;
  const most = Math.max(...heat.flat()) || 1;
  return heat.flatMap((row, y) => row.map((value, x) => s("rect", { class: "cell", x: left + x * wide, y: top + y * high, width: wide, height: high, "fill-opacity": ((value / most) ** 0.7 * 0.75).toFixed(3) })));
}

const sides = ([left, top, right, bottom]) => ({ x: left, y: top, width: Math.max(right - left, 1), height: Math.max(bottom - top, 1) });
const rect = (box, kind) => s("rect", { ...sides(box), class: kind, "vector-effect": "non-scaling-stroke" });
