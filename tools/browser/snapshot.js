// Reads the page of one frame, in document order, and leaves it as it is. Returns JSON text:
// { elements, tokens, frames, document, title, scroll } with boxes in CSS pixels of this frame's viewport.
// A token is a string (text), a number (index of an element), null (a line ends), false (a cell ends),
// { frame: id } (the place of a child frame) or { say: text } (words of the snapshot, not of the page).
(kit, options) => {
  const FAR = 1e9, WIDE = window.innerWidth, HIGH = window.innerHeight;
  const SKIPPED = new Set(["SCRIPT", "STYLE", "NOSCRIPT", "TEMPLATE", "HEAD", "META", "LINK", "TITLE", "DEFS", "CLIPPATH", "MASK", "SYMBOL", "METADATA", "DESC"]);
  const ACTIVE_ROLES = new Set(["button", "link", "checkbox", "radio", "switch", "tab", "menuitem", "menuitemcheckbox", "menuitemradio", "option", "treeitem", "textbox", "searchbox", "combobox", "slider", "spinbutton"]);
  // Regions and containers: what is in them can be acted on, they themselves can't.
  const PLACES = new Set(["dialog", "alertdialog", "main", "region", "navigation", "form", "group", "list", "listbox", "table", "grid", "row", "rowgroup", "tabpanel", "tablist", "menu", "menubar", "tree", "toolbar", "radiogroup", "document", "article", "banner", "contentinfo", "application", "presentation", "none"]);
  const FIELD_ROLES = new Set(["textbox", "searchbox", "combobox", "listbox", "slider", "spinbutton", "file", "color"]);
  const INPUT_ROLES = { button: "button", submit: "button", reset: "button", image: "button", checkbox: "checkbox", radio: "radio", range: "slider", number: "spinbutton", search: "searchbox", file: "file", color: "color" };
  const SHAPES = new Set(["circle", "ellipse", "rect", "line", "polygon", "polyline", "path"]);
  const COLOURS = { "0,0,0": "black", "255,255,255": "white", "128,128,128": "gray", "192,192,192": "silver", "255,0,0": "red", "0,255,0": "lime", "0,128,0": "green", "0,0,255": "blue", "255,255,0": "yellow", "0,255,255": "cyan", "255,0,255": "magenta", "128,0,0": "maroon", "128,128,0": "olive", "0,0,128": "navy", "128,0,128": "purple", "0,128,128": "teal", "255,165,0": "orange", "255,192,203": "pink", "165,42,42": "brown", "238,130,238": "violet", "75,0,130": "indigo", "255,215,0": "gold" };
  const HUES = [[15, "red"], [45, "orange"], [70, "yellow"], [165, "green"], [200, "cyan"], [260, "blue"], [290, "purple"], [335, "pink"], [361, "red"]];

  const elements = [], found = [], frames = [], covers = [];
  let shapes = 0;
  const squeeze = (text) => text.replace(/\s+/g, " ").trim();
  const { cut, empty } = kit;
  const boxOf = (el) => { const r = el.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
  const ignored = options.ignore ? new Set(document.querySelectorAll(options.ignore)) : null;

  // jQuery keeps delegated handlers on an ancestor: their selectors say who really listens.
  const delegated = new Set(), delegators = new Set();
  const readDelegation = () => {
    const jq = window.jQuery;
    if (typeof jq !== "function" || typeof jq._data !== "function") return;
    for (const el of document.querySelectorAll("*")) {
      if (!kit.listens(el)) continue;
      const events = jq._data(el, "events") || {};
      let direct = 0, indirect = 0;
      for (const type of ["click", "mousedown", "mouseup"]) {
        for (const handler of events[type] || []) {
          if (!handler.selector) { direct += 1; continue; }
          indirect += 1;
          for (const target of el.querySelectorAll(handler.selector)) delegated.add(target);
        }
      }
      if (indirect && !direct) delegators.add(el);
    }
  };
  try { readDelegation(); } catch (error) { /* a selector only jQuery understands */ }
  const listens = (el) => delegated.has(el) || (kit.listens(el) && !delegators.has(el));

  // ---- colour and shape words -------------------------------------------------------------------
  const colour = (css) => {
    const parts = /^rgba?\(([\d.]+),\s*([\d.]+),\s*([\d.]+)(?:,\s*([\d.]+))?\)/.exec(css || "");
    if (!parts || (parts[4] !== undefined && Number(parts[4]) < 0.1)) return "";
    const [r, g, b] = [parts[1], parts[2], parts[3]].map(Number);
    const exact = COLOURS[`${r},${g},${b}`];
    if (exact) return exact;
    const high = Math.max(r, g, b), low = Math.min(r, g, b), light = (high + low) / 510;
    if (high - low < 12) return light < 0.15 ? "black" : light > 0.9 ? "white" : "gray";
    const d = high - low;
    let hue = high === r ? ((g - b) / d + 6) % 6 : high === g ? (b - r) / d + 2 : (r - g) / d + 4;
    hue *= 60;
    const word = HUES.find(([end]) => hue < end)[1];
    return light < 0.25 ? `dark ${word}` : light > 0.75 ? `light ${word}` : word;
  };
  const shapeWords = (el, style, box) => {
    const tag = el.tagName.toLowerCase();
    const paint = colour(style.fill) || colour(style.stroke);
    const wide = Math.round(box[2] - box[0]), high = Math.round(box[3] - box[1]);
    let kind = tag;
    if (tag === "rect") kind = Math.abs(wide - high) <= 1 ? "square" : "rectangle";
    if (tag === "text") kind = /^\d+$/.test(el.textContent.trim()) ? "number" : el.textContent.trim().length === 1 ? "letter" : "text";
    if (tag === "polygon") {
      const sides = squeeze(el.getAttribute("points") || "").split(/[ ,]+/).length / 2;
      kind = sides === 3 ? "triangle" : `polygon of ${sides} sides`;
    }
    return squeeze(`${paint} ${kind}`);
  };

  // ---- what an element is -----------------------------------------------------------------------
  const roleOf = (el, tag) => {
    const given = squeeze(el.getAttribute("role") || "").split(" ")[0];
    if (given && given !== "presentation" && given !== "none") return given;
    if (tag === "A" || tag === "AREA") return el.hasAttribute("href") ? "link" : "";
    if (tag === "BUTTON" || tag === "SUMMARY") return "button";
    if (tag === "INPUT") return INPUT_ROLES[el.type] || "textbox";
    if (tag === "TEXTAREA") return "textbox";
    if (tag === "SELECT") return el.multiple || el.size > 1 ? "listbox" : "combobox";
    if (el.isContentEditable && !el.parentElement?.isContentEditable) return "textbox";
    if ((tag === "VIDEO" || tag === "AUDIO") && el.controls) return tag.toLowerCase();
    return "";
  };
  const NATIVE = new Set(["BUTTON", "SUMMARY", "INPUT", "TEXTAREA", "SELECT"]);
  // 2: by what it is; 1: only because something suggests that it reacts; 0: not at all.
  const strength = (el, tag, role, style, context) => {
    if (tag === "HTML" || tag === "BODY" || style.pointerEvents === "none" || context.inert) return 0;
    if (NATIVE.has(tag)) return tag === "INPUT" && el.type === "hidden" ? 0 : 2;
    if (role === "link" && tag !== "A" && tag !== "AREA" && !listens(el) && el.tabIndex < 0) return 0;
    if (ACTIVE_ROLES.has(role) || ((tag === "VIDEO" || tag === "AUDIO") && role)) return 2;
    if (PLACES.has(role) || (el.tagName === "svg" && drawing(el))) return 0;
    if (listens(el)) return 1;
    if (el.hasAttribute("tabindex") && el.tabIndex >= 0) return 1;
    if (style.cursor === "pointer" && !context.pointer && tag !== "LABEL" && !context.active) return 1;
    return 0;
  };
  // A picture of several shapes is looked into, not clicked as a whole.
  const drawing = (el) => el.clientWidth > 40 && el.clientHeight > 40 && el.querySelectorAll("circle,ellipse,rect,polygon,text").length > 1;
  const HINT = /^(?:ui-|ng-|css-|js-|is-|has-|_|col-|row$|active$|hover$)/;
  const tidyHint = (words) => [...new Set(words.join(" ").replace(/[_-]+/g, " ").split(" "))].slice(0, 4).join(" ").trim();
  // For what has no name at all: the words that its author wrote for himself.
  const hint = (el) => {
    const all = [...el.classList].filter((word) => word.length > 1), words = all.filter((word) => !HINT.test(word));
    const icon = all.map((word) => /^(?:ui-icon|fa|icon|glyphicon|bi)-(.+)$/.exec(word)?.[1]).filter(Boolean);
    if (icon.length) return tidyHint(icon.slice(0, 2));
    if (words.length) return tidyHint(words.slice(0, 2));
    const data = Object.values(el.dataset || {}).filter((value) => value && value.length < 20);
    if (el.id && !HINT.test(el.id)) return tidyHint([el.id]);
    return tidyHint(data.length ? data.slice(0, 2) : all.map((word) => word.replace(/^(ui|is|js)-/, "")).filter((word) => !/^(widget|state|corner|helper)/.test(word)));
  };
  const paintedHint = (el, style) => {
    const words = hint(el), paint = colour(style.backgroundColor);
    const known = words && (paint === "" || paint === "white" || paint.split(" ").some((word) => words.includes(word)) || Object.values(COLOURS).some((word) => words.split(" ").includes(word)));
    return known ? words : squeeze(`${paint} ${words}`);
  };
  const textOf = (id) => { const el = id && document.getElementById(id); return el ? squeeze(el.textContent) : ""; };
  const givenName = (el, tag) => {
    const by = el.getAttribute("aria-labelledby");
    if (by) { const text = squeeze(by.split(/\s+/).map(textOf).join(" ")); if (text) return text; }
    const aria = squeeze(el.getAttribute("aria-label") || "");
    if (aria) return aria;
    if (tag === "INPUT" && (el.type === "submit" || el.type === "button" || el.type === "reset")) return squeeze(el.value) || (el.type === "submit" ? "Submit" : "");
    if (tag === "INPUT" && el.type === "image") return squeeze(el.alt);
    if (el.labels && el.labels.length) return squeeze([...el.labels].map((label) => labelText(label, el)).join(" "));
    return "";
  };
  const labelText = (label, control) => {
    let text = "";
    const add = (node) => {
      for (const child of node.childNodes) {
        if (child.nodeType === 3) text += child.data;
        else if (child.nodeType === 1 && child !== control && child.tagName !== "SELECT" && child.tagName !== "SCRIPT") { add(child); text += " "; }
      }
    };
    add(label);
    return squeeze(text);
  };
  const lateName = (el) => {
    const title = el.querySelector(":scope > title");
    return squeeze(el.getAttribute("placeholder") || "") || squeeze(el.getAttribute("title") || "") || (title ? squeeze(title.textContent) : "");
  };
  const valueOf = (el, tag, role) => {
    if (tag === "INPUT") {
      if (el.type === "password") return "*".repeat(Math.min(el.value.length, 12));
      if (el.type === "file") return [...el.files].map((file) => file.name).join(", ");
      return role === "button" || role === "checkbox" || role === "radio" ? null : el.value;
    }
    if (tag === "TEXTAREA") return el.value;
    if (tag === "SELECT") return [...el.selectedOptions].map((option) => squeeze(option.text)).join(" | ");
    if (el.isContentEditable) return squeeze(el.textContent);
    return el.getAttribute("aria-valuetext") || el.getAttribute("aria-valuenow");
  };
  const TYPES = new Set(["date", "time", "datetime-local", "month", "week", "password", "email", "tel", "url"]);
  // Fields of cards and accounts: by what they declare, else by their own names.
  const PAYS = /card.?n|cardnum|\bcc.?(?:num|exp|csc|cvc)|\bcv[vc]2?\b|\biban\b|kartennummer|kreditkarte|num[eé]ro de (?:la )?carte|n[uú]mero de (?:la )?tarjeta|kaartnummer|numero (?:della )?carta|numer karty/i;
  const pays = (el) => (el.tagName === "INPUT" && el.type !== "hidden" && (/\bcc-(?!name|type)/.test(el.autocomplete || "") || PAYS.test(`${el.name} ${el.id} ${el.placeholder} ${el.getAttribute("aria-label") || ""} ${el.labels && el.labels[0] ? el.labels[0].textContent : ""}`)));
  // Links and buttons that libraries make send something (Rails, htmx), by the method that they declare.
  const SENDS = ["hx-post", "hx-put", "hx-patch", "hx-delete", "data-hx-post", "data-hx-put", "data-hx-patch", "data-hx-delete"];
  const declared = (el) => {
    const sends = SENDS.find((name) => el.hasAttribute(name)), method = el.getAttribute("data-method") || el.getAttribute("data-turbo-method");
    return sends ? sends.split("-").pop() : method && method.toLowerCase() !== "get" ? method.toLowerCase() : "";
  };
  // What a radio button's group is called, as its form or its author has it; of a group that must be chosen from all are required.
  const radios = (control) => control.tagName === "INPUT" && control.type === "radio";
  const groupOf = (control) => {
    const by = control.closest("[role=radiogroup]"), set = control.closest("fieldset"), legend = set && set.querySelector(":scope > legend");
    const alone = legend && new Set([...set.querySelectorAll("input[type=radio]")].map((one) => one.name)).size <= 1;
    return (by && givenName(by, by.tagName)) || (alone && squeeze(legend.textContent)) || squeeze(control.name || "");
  };
  const demanded = (control) => radios(control) ? control.required || control.validity.valueMissing : control.required;
  const statesOf = (el, tag, control) => {
    const states = [], aria = (name) => el.getAttribute("aria-" + name);
    if (control.checked === true && control.tagName === "INPUT" || aria("checked") === "true") states.push("checked");
    if (aria("checked") === "mixed" || control.indeterminate) states.push("mixed");
    if (aria("selected") === "true") states.push("selected");
    if (aria("pressed") === "true") states.push("pressed");
    if (aria("current") && aria("current") !== "false") states.push("current");
    if (aria("haspopup") && aria("haspopup") !== "false") states.push("popup");
    const open = tag === "SUMMARY" && el.parentElement?.tagName === "DETAILS" ? String(el.parentElement.open) : aria("expanded");
    if (open === "true") states.push("expanded"); else if (open === "false") states.push("collapsed");
    if (control.matches(":disabled") || aria("disabled") === "true") states.push("disabled");
    if (control.readOnly && tag !== "SELECT") states.push("readonly");
    if (demanded(control) || aria("required") === "true" || (control.getAttribute("role") === "radio" && control.closest("[role=radiogroup][aria-required=true]"))) states.push("required");
    if (aria("invalid") === "true") states.push("invalid");
    if ((tag === "SELECT" || el.type === "file") && el.multiple) states.push("multiple");
    // Only what the page says: links and pictures can be dragged everywhere, and nobody means it.
    if (el.getAttribute("draggable") === "true") states.push("draggable");
    if (tag === "INPUT" && TYPES.has(el.type)) states.push(el.type);
    if (pays(control)) states.push("payment");
    const focus = el.getRootNode().activeElement;
    if (focus === el || focus === control) states.push("focused");
    return states;
  };

  // ---- where an element is, and whether a click there reaches it --------------------------------
  // A small bar that stays while the page scrolls hides only what is under it now.
  const bar = (over) => {
    for (let at = over; at && at.nodeType === 1; at = at.parentNode || at.host) {
      if (at.nodeType !== 1) continue;
      const position = getComputedStyle(at).position;
      if (position !== "fixed" && position !== "sticky") continue;
      const r = at.getBoundingClientRect();
      return r.width * r.height < 0.4 * WIDE * HIGH;
    }
    return false;
  };
  const place = (el, box, context) => {
    if (empty(cut(box, context.hard))) return { reach: false };
    const seen = cut(box, context.view);
    const hit = kit.probe(el, seen);
    if (hit === null) return { reach: true, view: false, point: null };
    if (Array.isArray(hit)) return { reach: true, view: true, point: hit };
    return bar(hit) ? { reach: true, view: false, point: null } : { reach: false };
  };
  const solid = (el, box) => {
    if (!empty(box)) return box;
    for (const child of el.children) { const inner = boxOf(child); if (!empty(inner)) return inner; }
    return box;
  };

  // ---- the walk ---------------------------------------------------------------------------------
  const CLIPS = /auto|scroll|hidden|clip/, SCROLLS = /auto|scroll/;
  // What a scroller holds beyond what it shows, in pixels: [above, below, left, right].
  const beyondOf = (el) => {
    const ends = [el.scrollTop, el.scrollHeight - el.clientHeight - el.scrollTop, el.scrollLeft, el.scrollWidth - el.clientWidth - el.scrollLeft].map(Math.round);
    return ends.some((pixels) => pixels > 4) ? ends : null;
  };
  const SIDES = ["above", "below", "left", "right"];
  const sayBeyond = (ends) => `(scrolls: ${ends.map((pixels, i) => (pixels > 4 ? `${pixels} px ${SIDES[i]}` : "")).filter(Boolean).join(", ")})`;
  // A context says what holds for what is inside an element: what can be scrolled to (hard), what is seen now
  // (view), both for absolute boxes (abs), and what is inherited.
  const enter = (el, style, context) => {
    const position = style.position, opacity = style.opacity;
    let { hard, view } = position === "absolute" ? context.abs : context;
    if (position === "fixed") { hard = [0, 0, WIDE, HIGH]; view = hard; }
    const inert = context.inert || el.inert === true;
    const own = { hard, view, inert, pointer: context.pointer, active: context.active };
    const overflow = style.overflow;
    let hidden = context.hidden, beyond = null;
    const clips = overflow !== "visible" && CLIPS.test(overflow) && style.display !== "inline" && el !== document.documentElement && el !== document.body && !el.ownerSVGElement;
    // Only what clips or is placed apart can leave the part of the page that can be reached.
    if (clips || position !== "static") {
      const box = boxOf(el);
      hidden = hidden || (!empty(box) && empty(cut(box, hard)));
      if (position === "absolute" && style.pointerEvents !== "none" && style.visibility === "visible") covers.push({ el, box, z: Number(style.zIndex) || 0 });
      if (clips) {
        const scrolls = SCROLLS.test(overflow) && (el.scrollHeight > el.clientHeight || el.scrollWidth > el.clientWidth);
        view = cut(view, box);
        if (scrolls && !NATIVE.has(el.tagName)) beyond = beyondOf(el);
        hard = scrolls && !empty(cut(box, hard)) ? [box[0] - el.scrollLeft, box[1] - el.scrollTop, FAR, FAR] : cut(hard, box);
      }
    }
    const inner = {
      hard, view, hidden, beyond,
      abs: position === "static" ? context.abs : { hard, view },
      opacity: opacity === "1" ? context.opacity : context.opacity * Number(opacity),
      pointer: style.cursor === "pointer",
      shown: style.visibility === "visible",
      inert,
      active: context.active,
    };
    return [own, inner];
  };
  const children = (el) => {
    const root = kit.shadowOf(el);
    if (root) return root.childNodes;
    if (el.tagName === "SLOT") { const given = el.assignedNodes(); if (given.length) return given; }
    return el.childNodes;
  };
  const text = (node, context, out) => {
    if (!context.shown || context.opacity < 0.05 || context.hidden) return;
    const words = squeeze(node.data);
    if (!words) { if (node.data) out.push(" "); return; }
    out.push(/^\s/.test(node.data) ? " " + words : words, /\s$/.test(node.data) ? " " : "");
  };
  const walkAll = (el, context, out) => { for (const child of children(el)) walk(child, context, out); };

  const owners = new Map();
  const ownerOf = (form) => { if (!owners.has(form)) owners.set(form, String(owners.size + 1)); return owners.get(form); };
  const add = (el, tag, role, spot, box, name, fields) => {
    const control = tag === "LABEL" && el.control ? el.control : el;
    const form = control.form || (control.closest && control.closest("form"));
    const submits = form && (control.type === "submit" || control.type === "image") && (tag === "BUTTON" || tag === "INPUT");
    found.push(el);
    elements.push({
      role, name, tag: tag.toLowerCase(), states: statesOf(el, tag, control),
      box: box.map((v) => Math.round(v * 10) / 10), view: spot.view, covers: covers.length, ...fields,
      ...(spot.point ? { point: spot.point } : {}),
      ...(form ? { form: (control.formMethod && control.hasAttribute("formmethod") ? control.formMethod : form.method) || "get", submits: Boolean(submits), owner: ownerOf(form) } : {}),
      ...(declared(el) ? { form: declared(el), submits: true } : {}),
      ...(role === "radio" ? { group: groupOf(control) } : {}),
      ...(role === "link" && el.href ? { href: String(el.href.baseVal ?? el.href) } : {}),
    });
    return elements.length - 1;
  };
  const strings = (tokens) => squeeze(tokens.map((t) => (typeof t === "string" ? t : " ")).join(""));
  const isWord = (t) => typeof t === "string" && t.trim() !== "";

  const field = (el, tag, role, spot, box, out) => {
    const fields = { value: valueOf(el, tag, role) };
    if (tag === "SELECT") fields.options = [...el.options].slice(0, 300).map((option) => squeeze(option.text));
    if (tag === "INPUT" && el.type === "range") fields.value = `${el.value} (${el.min || 0} to ${el.max || 100})`;
    const at = add(el, tag, role, spot, box, givenName(el, tag), fields);
    if (!elements[at].name) elements[at].late = lateName(el);
    out.push(" ", at, " ");
  };

  // <li role=tab><a href>: one thing to a person. The inner one reacts, the outer one says what it is.
  const sameThing = (el, role, weak, inner) => {
    if (inner.role !== "link" && inner.role !== "clickable" && !weak) return false;
    if (!weak && role !== "link") inner.role = role;
    inner.states = [...new Set([...statesOf(el, el.tagName, el), ...inner.states])];
    return true;
  };

  const interactive = (el, tag, role, weak, style, own, inner, out) => {
    const box = solid(el, boxOf(el)), spot = place(el, box, own);
    const shown = inner.shown && spot.reach && (inner.opacity >= 0.05 || NATIVE.has(tag) || tag === "LABEL");
    const isField = FIELD_ROLES.has(role) && (NATIVE.has(tag) || el.isContentEditable);
    if (isField || tag === "INPUT") {
      if (shown) field(el, tag, role, spot, box, out);
      return;
    }
    const deep = [];
    walkAll(el, { ...inner, active: true }, deep);
    const inside = deep.filter((t) => typeof t === "number"), nested = inside.length;
    const words = strings(deep);
    const pointed = style.cursor === "pointer" && !own.pointer;
    const holder = weak && nested > 0 && (words === "" || (!pointed && (nested > 4 || words.length > 200)));
    if (!shown || holder) { out.push(...deep); return; }
    if (nested === 1 && words === "" && sameThing(el, role, weak, elements[inside[0]])) { out.push(...deep); return; }
    const control = tag === "LABEL" ? el.control : null;
    const svg = SHAPES.has(el.tagName) || el.tagName === "text" ? shapeWords(el, style, box) : "";
    let name = givenName(el, tag) || (el.tagName === "text" ? `${svg} ${words}` : "") || (words.length <= 200 ? words : words.slice(0, 80) + "…") || lateName(el) || svg;
    if (!name) name = weak ? paintedHint(el, style) : hint(el);
    const kind = control ? roleOf(control, control.tagName) : role || (svg ? "shape" : tag === "CANVAS" ? "canvas" : "clickable");
    const at = add(el, tag, kind, spot, box, name, { value: valueOf(el, tag, role) || null });
    out.push(" ", at, " ", ...(words.length > 200 ? deep : deep.filter((t) => !isWord(t) && t !== "")));
  };

  const visibleControl = (control) => {
    const r = control.getBoundingClientRect(), style = getComputedStyle(control);
    return r.width > 1 && r.height > 1 && style.visibility === "visible" && Number(style.opacity) > 0 && r.right > 0 && r.bottom > 0;
  };
  const walkLabel = (el, style, own, inner, out) => {
    const control = el.control;
    if (control && control.type !== "hidden" && !visibleControl(control)) {
      return interactive(el, "LABEL", roleOf(control, control.tagName), true, style, own, inner, out);
    }
    const deep = [];
    walkAll(el, inner, deep);
    // The control is named by its label: the words need not be said twice.
    const silent = control && !control.hasAttribute("aria-label") && !control.hasAttribute("aria-labelledby") && control.type !== "hidden";
    out.push(...(silent ? deep.filter((t) => !isWord(t)) : deep));
  };

  const walkElement = (el, context, out) => {
    const tag = el.tagName.toUpperCase();
    if (SKIPPED.has(tag) || (ignored && ignored.has(el))) return;
    const style = getComputedStyle(el);
    if (style.display === "none") return;
    if (tag === "BR") { out.push(null); return; }
    if (style.display === "contents") { walkAll(el, context, out); return; }
    const [own, inner] = enter(el, style, context);
    if (empty(inner.hard)) return;
    const block = !style.display.startsWith("inline") && !el.ownerSVGElement;
    const cell = tag === "TD" || tag === "TH";
    if (cell) {
      // A cell stays on the line of its row, unless it holds several blocks.
      const deep = [];
      walkAs(el, tag, style, own, inner, deep);
      const pieces = deep.filter((t) => typeof t === "number" || isWord(t) || (t && t.frame)).length;
      out.push(...(pieces <= 2 ? deep.filter((t) => t !== null) : deep), false);
      return;
    }
    if (block) out.push(null);
    if (inner.beyond && inner.shown && !inner.hidden) out.push(null, { say: sayBeyond(inner.beyond) }, null);
    walkAs(el, tag, style, own, inner, out);
    if (block) out.push(null);
  };
  const walkAs = (el, tag, style, own, inner, out) => {
    if (tag === "IFRAME" || tag === "FRAME") walkFrame(el, own, inner, out);
    else if (tag === "LABEL") walkLabel(el, style, own, inner, out);
    else {
      const role = roleOf(el, tag), power = strength(el, tag, role, style, own);
      if (power) interactive(el, tag, role, power === 1, style, own, inner, out);
      else if (tag === "IMG" && squeeze(el.alt)) { if (inner.shown && !inner.hidden) out.push(` ${squeeze(el.alt)} `); }
      else if (el.ownerSVGElement && (SHAPES.has(el.tagName) || el.tagName === "text")) walkShape(el, style, own, inner, out);
      else walkAll(el, inner, out);
    }
  };
  const walkShape = (el, style, own, inner, out) => {
    const box = boxOf(el);
    const sheet = el.ownerSVGElement.getBoundingClientRect(), words = el.tagName === "text" ? squeeze(el.textContent) : "";
    if (!inner.shown || inner.opacity < 0.05 || empty(box)) return;
    const icon = own.active || sheet.width <= 40 || sheet.height <= 40;
    const paint = colour(style.fill);
    if (words && (icon || !paint || paint === "black" || paint === "gray")) { out.push(` ${words} `); return; }
    if (icon || el.tagName === "path" || (shapes += 1) > 200) return;
    const at = `${Math.round((box[0] + box[2]) / 2)},${Math.round((box[1] + box[3]) / 2)}`;
    const size = `${Math.round(box[2] - box[0])}x${Math.round(box[3] - box[1])}`;
    out.push(null, `${shapeWords(el, style, box)} ${words ? words + " " : ""}${size} at ${at}`, null);
  };
  const walkFrame = (el, own, inner, out) => {
    const box = boxOf(el), seen = cut(box, own.hard);
    if (!inner.shown || empty(seen) || box[2] - box[0] < 10 || box[3] - box[1] < 10 || own.inert || !place(el, box, own).reach) return;
    const id = kit.idOf(el), x = box[0] + el.clientLeft, y = box[1] + el.clientTop;
    const view = cut(cut(box, own.view), [0, 0, WIDE, HIGH]);
    frames.push({ id, x, y, view: [view[0] - x, view[1] - y, view[2] - x, view[3] - y] });
    out.push(null, { frame: id }, null);
  };
  const walk = (node, context, out) => {
    if (node.nodeType === 3) text(node, context, out);
    else if (node.nodeType === 1) walkElement(node, context, out);
  };

  // Out of view nothing can be tested by pointing at it. What an absolute box that comes later, in the same
  // parent, wholly lies over will be covered there as well.
  const buried = (el, box, since) => {
    for (let i = since; i < covers.length; i += 1) {
      const { el: cover, box: over, z } = covers[i];
      if (over[0] > box[0] + 1 || over[1] > box[1] + 1 || over[2] < box[2] - 1 || over[3] < box[3] - 1) continue;
      if (z < 0 || cover.contains(el) || !cover.parentElement || !cover.parentElement.contains(el)) continue;
      let at = el;
      while (at !== cover.parentElement && at && getComputedStyle(at).position === "static") at = at.parentElement;
      if (at === cover.parentElement) return true;
    }
    return false;
  };
  const dropBuried = (tokens) => tokens.forEach((token, i) => {
    const element = typeof token === "number" ? elements[token] : null;
    if (element && !element.view && buried(found[token], element.box, element.covers)) tokens[i] = ` ${element.name} `;
  });

  // A field without a label is named by the words just before it (a box to tick: by those after it).
  const labels = (text, sameLine) => (/[:=?*]$/.test(text) ? text.length <= 80 : text.length <= 30 && (sameLine || !/[.!]$/.test(text)));
  // The tokens of a label that ends at one of them: that one if it ends as labels do, else all the words that run
  // on without a break (a label may be made of pieces, and a piece of a text is no label).
  const labelFrom = (tokens, at, step, sameLine) => {
    if (/[:=?*]$/.test(tokens[at].trim())) return labels(tokens[at].trim(), sameLine) ? [at] : [];
    const run = [at];
    for (let i = at + step; typeof tokens[i] === "string"; i += step) run.push(i);
    if (step < 0) run.reverse();
    return labels(squeeze(run.map((i) => tokens[i]).join("")), sameLine) ? run : [];
  };
  // Some forms put the label below its field. Then the words of the field's own box (the widest that holds no other
  // field) all come after it.
  const FIELDS = "input:not([type=hidden]),textarea,select,[contenteditable=true]";
  const counts = new Map();
  const fieldsIn = (box) => {
    if (!counts.has(box)) counts.set(box, box.querySelectorAll(FIELDS).length);
    return counts.get(box);
  };
  const labelledAfter = (el) => {
    let box = el;
    while (box.parentElement && box.parentElement !== document.body && fieldsIn(box.parentElement) === 1) box = box.parentElement;
    if (box === el) return false;
    const texts = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
    let after = false;
    while (texts.nextNode()) {
      const node = texts.currentNode;
      if (!node.data.trim() || el.contains(node)) continue;
      if (node.compareDocumentPosition(el) & Node.DOCUMENT_POSITION_FOLLOWING) return false;
      after = true;
    }
    return after;
  };
  const nameFields = (tokens) => {
    const near = (from, step, lines) => {
      for (let i = from + step, left = lines; i >= 0 && i < tokens.length; i += step) {
        const t = tokens[i];
        if (isWord(t)) return labelFrom(tokens, i, step, step < 0 && left === lines);
        if (typeof t === "number" || (t && typeof t === "object")) return [];
        if (t === null && (left -= 1) < 0) return [];
      }
      return [];
    };
    tokens.forEach((token, i) => {
      const element = typeof token === "number" ? elements[token] : null;
      if (!element || element.name) return;
      const tick = element.role === "checkbox" || element.role === "radio";
      const below = !tick && !element.late && FIELD_ROLES.has(element.role) && labelledAfter(found[token]);
      const run = tick ? near(i, 1, 0) : element.late ? [] : below ? near(i, 1, 3) : near(i, -1, 3);
      const text = squeeze(run.map((at) => tokens[at]).join("")).replace(/\s*:$/, "");
      element.name = text || element.late || hint(found[token]);
      if (text) for (const at of run) tokens[at] = "";
      delete element.late;
    });
  };

  const page = [-window.scrollX, -window.scrollY, FAR, FAR];
  const locks = (el) => el && /hidden|clip/.test(getComputedStyle(el).overflowY);
  const locked = locks(document.documentElement) || locks(document.body);
  const hard = locked ? [0, 0, WIDE, HIGH] : page;
  const view = options.view || [0, 0, WIDE, HIGH];
  const modal = [...document.querySelectorAll("dialog[open]")].reverse().find((dialog) => dialog.matches(":modal"));
  const start = { hard, view, abs: { hard, view }, pointer: false, active: false, inert: false, hidden: false, shown: true, opacity: 1 };
  const tokens = [];
  const root = modal || (options.root && document.querySelector(options.root)) || document.body || document.documentElement;
  if (root) walk(root, start, tokens);
  dropBuried(tokens);
  nameFields(tokens);
  // In reading order, which is not the order in which nested elements were found.
  for (const token of tokens) if (typeof token === "number") elements[token].id = kit.idOf(found[token]);
  const doc = document.scrollingElement || document.documentElement;
  return kit.stringify({
    elements, tokens, frames, document: kit.born, title: document.title,
    scroll: doc ? { top: Math.round(window.scrollY), height: doc.scrollHeight, view: HIGH } : null,
  });
}
