// A picture with boxes on it: where a search looks, and what it found. Boxes are pixels of the original.

import { h, s, $, banner } from "./dom.js";
import { picture, pictureOfTurn } from "./api.js";

/** A picture whose boxes appear as they come. `path` is where the picture is, `label` what it is called. */
export class Regions {
  constructor(path, label) {
    this.path = path;
    this.visits = new Map();
    this.found = [];
    this.svg = s("svg", { class: "boxes", "aria-hidden": "true" });
    this.image = h("img", { alt: label, class: "picture" });
    this.caption = h("figcaption", {});
    this.open = h("button", { type: "button", class: "zoomable", "aria-label": `${label}: enlarge`, onclick: () => this.zoom() }, this.image, this.svg);
    this.element = h("figure", { class: "regions" }, this.open, this.caption);
    this.ready = picture(path).then(({ url, width, height }) => {
      this.width = width;
      this.image.src = url;
      this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      this.open.style.aspectRatio = `${width} / ${height}`;
      this.open.style.maxWidth = `min(100%, ${Math.max(width, 320)}px, calc(26rem * ${width / height}))`;
    }).catch((error) => {
      this.caption.textContent = `The picture can't be shown: ${error.message}`;
    });
  }

  /** Take a visited region of a search. */
  look(event) {
    const score = Object.values(event.scores ?? {}).find((value) => value >= 0 && value <= 1);
    this.visits.set(`${event.about}/${event.node}`, { box: event.box, score, depth: event.depth, about: event.about });
    for (const other of this.svg.querySelectorAll(".now")) other.classList.remove("now");
    this.draw(event.box, `visit now depth-${Math.min(event.depth ?? 0, 4)}`, event.found);
    this.describe(event.about);
  }

  /** Take a region that proves something; returns its index. */
  prove(evidence) {
    const same = this.found.findIndex((item) => String(item.evidence.box) === String(evidence.box) && item.evidence.label === evidence.label);
    if (same >= 0) return same;
    const box = evidence.box ? this.draw(evidence.box, "proof") : null;
    this.found.push({ evidence, box });
    this.describe();
    return this.found.length - 1;
  }

  /** Show one proof more clearly than the others, or stop it. */
  highlight(index, on, scroll = false) {
    const item = this.found[index];
    item?.box?.classList.toggle("bright", on);
    this.element.classList.toggle("pointing", on);
    if (scroll) this.element.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  /** The search is over: what it only looked at steps back. */
  settle() {
    this.element.classList.add("settled");
    for (const other of this.svg.querySelectorAll(".now")) other.classList.remove("now");
    this.describe();
  }

  draw(box, kind) {
    const [left, top, right, bottom] = box;
    const mark = s("rect", { x: left, y: top, width: Math.max(right - left, 1), height: Math.max(bottom - top, 1), class: kind, "vector-effect": "non-scaling-stroke" });
    this.svg.append(mark);
    // What is found stays on top of what was looked at.
    for (const proof of this.svg.querySelectorAll(".proof")) this.svg.append(proof);
    return mark;
  }

  describe(about) {
    const looked = this.visits.size;
    const parts = [];
    if (about) parts.push(`Looking for ${about}`);
    if (looked) parts.push(`${looked} region${looked === 1 ? "" : "s"} looked at`);
    if (this.found.length) parts.push(`${this.found.length} found`);
    this.caption.textContent = parts.join(" · ");
  }

  zoom() {
    const svg = this.svg.cloneNode(true);
    $("zoom-picture").replaceChildren(h("img", { src: this.image.src, alt: this.image.alt }), svg);
    $("zoom").showModal();
  }
}

/** A small picture that can be enlarged. */
export function thumbnail(path, large, label) {
  const image = h("img", { alt: label });
  const show = async () => {
    try {
      const { url } = await picture(large);
      $("zoom-picture").replaceChildren(h("img", { src: url, alt: label }));
      $("zoom").showModal();
    } catch (error) {
      banner(`The picture can't be shown: ${error.message}`);
    }
  };
  picture(path).then(({ url }) => { image.src = url; }, (error) => { image.alt = `${label}: ${error.message}`; });
  return h("button", { type: "button", class: "thumbnail", "aria-label": `${label}: enlarge`, onclick: show }, image);
}
