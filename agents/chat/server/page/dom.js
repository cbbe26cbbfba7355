// Building blocks of the page. Text is always set as text: nothing here parses HTML.

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  send: "M4 12h15M13 6l6 6-6 6",
  plus: "M12 5v14M5 12h14",
  camera: "M4 8h3l2-3h6l2 3h3v11H4zM12 10.500a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  close: "M6 6l12 12M18 6L6 18",
  menu: "M4 7h16M4 12h16M4 17h16",
  eye: "M3 12c3-5 6-7 9-7s6 2 9 7c-3 5-6 7-9 7s-6-2-9-7zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  spark: "M12 4v5M12 15v5M4 12h5M15 12h5",
  tool: "M14 6a4 4 0 0 1-5 5l-5 5 4 4 5-5a4 4 0 0 0 5-5l-2.500 2.500-3-1-1-3z",
  hand: "M5 12h10M11 7l5 5-5 5M19 5v14",
  note: "M6 5h12v14H6zM9 9h6M9 13h6",
  flag: "M6 21V4h11l-2 4 2 4H6",
  question: "M9 9a3 3 0 1 1 4.500 2.600c-1 .6-1.500 1.200-1.500 2.400M12 17.500v.5",
  page: "M4 5h16v14H4zM4 9h16",
  book: "M5 5h6a2 2 0 0 1 2 2v12a2 2 0 0 0-2-2H5zM19 5h-6M19 5v12h-6",
};

/** Return an element. `attributes`: `on…` are listeners, `class`, `text`, properties as `.name`, else attributes. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.startsWith(".")) element[name.slice(1)] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Return an SVG element. */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Return a drawing for a button or a line. It says nothing to a screen reader. */
export function icon(name) {
  return s("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, s("path", { d: PATHS[name] }));
}

export const $ = (id) => document.getElementById(id);

/** Say something to people who do not see the page. */
export function announce(text) {
  $("announce").textContent = text;
}

/** Show a line above the conversation; without text it goes away. */
export function banner(text = "") {
  const line = $("banner");
  if (line.textContent !== text) line.textContent = text;
  line.hidden = !text;
}

/** Ask in a dialog; returns true, or with `field` the text that was typed, or null. */
export function ask({ title, text = "", yes = "OK", no = "Cancel", field = null, type = "text", danger = false }) {
  const dialog = $("dialog");
  $("dialog-title").textContent = title;
  $("dialog-text").textContent = text;
  $("dialog-text").hidden = !text;
  $("dialog-yes").textContent = yes;
  $("dialog-yes").classList.toggle("danger", danger);
  $("dialog-no").textContent = no;
  $("dialog-no").hidden = !no;
  // Not a submit button: Enter in the field must agree.
  $("dialog-no").onclick = () => dialog.close("no");
  const input = field === null ? null : h("input", { type, ".value": field, "aria-label": title, class: "input", maxlength: 200, autocomplete: "off" });
  $("dialog-field").replaceChildren(...(input ? [input] : []));
  dialog.returnValue = "no";
  dialog.showModal();
  if (input) input.select();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const agreed = dialog.returnValue === "yes";
      resolve(!agreed ? null : input ? input.value : true);
    }, { once: true });
  });
}

/** Return a number of seconds, tokens or dollars in few characters. */
export const seconds = (value) => (value < 10 ? `${value.toFixed(1)} s` : value < 90 ? `${Math.round(value)} s` : `${Math.round(value / 60)} min`);
export const count = (value, noun) => `${value.toLocaleString("en")} ${noun}${value === 1 ? "" : "s"}`;
export const money = (value) => (value === null || value === undefined ? "unknown cost" : value === 0 ? "$0" : `$${value.toFixed(value < 0.1 ? 4 : 2)}`);
export const when = (time) => new Date(time * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
