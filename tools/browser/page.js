// Runs in every document before the page's own scripts. It keeps, in a closure, what a later look at the
// page needs and the DOM does not tell: who listens for clicks, closed shadow roots, and which id was
// given to which element. Nothing is written into the DOM.
(key) => {
  if (window[key]) return;

  const CLICKS = new Set(["click", "dblclick", "mousedown", "mouseup", "pointerdown", "pointerup", "touchstart", "touchend"]);
  const listeners = new WeakMap();      // element -> Map(type, Set(listener))
  const roots = new WeakMap();          // host -> shadow root, closed ones too
  const allRoots = [];                  // WeakRef of shadow roots, for the watcher
  const ids = new WeakMap();            // element -> number
  const byId = new Map();               // number -> WeakRef(element)
  // Libraries that listen at a root keep who is meant on the elements: React under a key that it makes up, others
  // under fixed names. The roots themselves are not to be clicked.
  const reactKeys = new Set(), listeningRoots = new WeakSet();
  const REACT_ROOT = "__reactContainer$";
  const { setTimeout, clearTimeout, MutationObserver, WeakRef, Promise, JSON } = window;
  const now = performance.now.bind(performance);
  let last = 0;
  // Names this document: numbers of elements are its own.
  const born = `${performance.timeOrigin}-${now()}-${Math.random()}`;

  const wrap = (owner, name, before, after) => {
    owner[name] = new Proxy(owner[name], {
      apply(target, self, args) {
        if (before) before(self, args);
        const result = Reflect.apply(target, self, args);
        if (after) after(self, args, result);
        return result;
      },
    });
  };
  // Short timers that an action starts (a menu that opens, a list of suggestions that is looked up) belong to
  // its effect. Those that timers start themselves do not: that is how pages poll.
  const SHORT = 600;
  const timers = new Set();
  let within = 0;
  window.setTimeout = new Proxy(setTimeout, {
    apply(target, self, [callback, delay, ...rest]) {
      if (typeof callback !== "function") return Reflect.apply(target, self, [callback, delay, ...rest]);
      let id = 0;
      const run = function (...args) {
        timers.delete(id);
        within += 1;
        try { return callback.apply(this, args); } finally { within -= 1; }
      };
      id = Reflect.apply(target, self, [run, delay, ...rest]);
      if (watcher && !within && (Number(delay) || 0) <= SHORT) timers.add(id);
      return id;
    },
  });
  wrap(window, "clearTimeout", (self, [id]) => timers.delete(id));
  wrap(EventTarget.prototype, "addEventListener", (self, [type, listener]) => {
    if (!CLICKS.has(type) || !listener || !(self instanceof Element)) return;
    const rooted = Object.keys(self).find((name) => name.startsWith(REACT_ROOT));
    if (rooted) {
      reactKeys.add("__reactProps$" + rooted.slice(REACT_ROOT.length));
      listeningRoots.add(self);
      return;
    }
    let types = listeners.get(self);
    if (!types) listeners.set(self, types = new Map());
    if (!types.has(type)) types.set(type, new Set());
    types.get(type).add(listener);
  });
  wrap(EventTarget.prototype, "removeEventListener", (self, [type, listener]) => {
    const types = self instanceof Element ? listeners.get(self) : undefined;
    const set = types && types.get(type);
    if (set && set.delete(listener) && !set.size) types.delete(type);
  });
  wrap(Element.prototype, "attachShadow", null, (self, args, root) => {
    roots.set(self, root);
    allRoots.push(new WeakRef(root));
    if (watcher) watcher.observe(root, WATCHED);
  });

  const REACTS = ["onClick", "onMouseDown", "onMouseUp", "onPointerDown", "onPointerUp", "onDoubleClick"];
  const handled = (el) => {
    if (el.$$click || el.__click) return true;
    for (const key of reactKeys) {
      const props = el[key];
      if (props && REACTS.some((name) => typeof props[name] === "function")) return true;
    }
    return false;
  };
  const listens = (el) => {
    if (listeningRoots.has(el)) return false;
    const types = listeners.get(el);
    return (types !== undefined && types.size > 0) || handled(el) ||
      Boolean(el.onclick || el.onmousedown || el.onpointerdown || el.onmouseup || el.ondblclick);
  };
  const shadowOf = (el) => el.shadowRoot || roots.get(el) || null;
  const idOf = (el) => {
    let id = ids.get(el);
    if (id === undefined) {
      ids.set(el, id = ++last);
      byId.set(id, new WeakRef(el));
    }
    return id;
  };
  const get = (id) => {
    const el = byId.get(id)?.deref();
    return el && el.isConnected ? el : null;
  };

  // ---- whether a click reaches an element, and where ----
  const cut = (a, b) => [Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])];
  const empty = (a) => a[2] <= a[0] || a[3] <= a[1];
  const topmost = (x, y) => {
    let root = document, top = null;
    for (;;) {
      const next = root.elementFromPoint(x, y);
      if (!next || next === top) return top;
      top = next;
      root = shadowOf(top);
      if (!root) return top;
    }
  };
  const inside = (node, el) => {
    for (let at = node; at; at = at.assignedSlot || at.parentNode || at.host) if (at === el) return true;
    return false;
  };
  const reaches = (el, top) => {
    if (!top) return false;
    if (inside(top, el)) return true;
    const label = top.closest("label");
    return Boolean(label && label.control === el) || (el.tagName === "LABEL" && el.control === top);
  };
  const POINTS = [[0.5, 0.5], [0.25, 0.5], [0.75, 0.5], [0.5, 0.25], [0.5, 0.75]];
  // Near the border: what lies over most of an element may leave a corner or an edge.
  const EDGES = [[0.04, 0.08], [0.5, 0.08], [0.96, 0.08], [0.04, 0.5], [0.96, 0.5], [0.04, 0.92], [0.5, 0.92], [0.96, 0.92]];
  const GRID = []; for (let i = 1; i < 8; i += 1) for (let j = 1; j < 8; j += 1) GRID.push([i / 8, j / 8]);
  // Returns [x, y] that reaches el, or the element on top of it, or null when nothing can be tested.
  const probe = (el, seen) => {
    const view = cut(seen, [0, 0, window.innerWidth, window.innerHeight]);
    if (empty(view)) return null;
    let over = null;
    const test = (box, points) => {
      for (const [fx, fy] of points) {
        const x = box[0] + (box[2] - box[0]) * fx, y = box[1] + (box[3] - box[1]) * fy;
        const top = topmost(x, y);
        if (reaches(el, top)) return [x, y];
        over = over || top;
      }
      return null;
    };
    const hit = test(view, POINTS);
    if (hit) return hit;
    const rects = el.getClientRects();
    for (let i = 0; rects.length > 1 && i < Math.min(rects.length, 4); i += 1) {
      const part = cut(view, [rects[i].left, rects[i].top, rects[i].right, rects[i].bottom]);
      const point = empty(part) ? null : test(part, POINTS);
      if (point) return point;
    }
    return test(view, el.ownerSVGElement ? GRID : EDGES) || over;
  };
  const describe = (el) => `${el.tagName.toLowerCase()}${el.id ? "#" + el.id : ""} ${(el.textContent || "").trim().slice(0, 40)}`.trim();
  // Where to click an element, from the corner of its padding box; or what lies over it.
  const point = (el) => {
    const r = el.getBoundingClientRect();
    const hit = probe(el, [r.left, r.top, r.right, r.bottom]);
    if (Array.isArray(hit)) return { x: hit[0] - r.left - el.clientLeft, y: hit[1] - r.top - el.clientTop, left: el.clientLeft, top: el.clientTop };
    return { over: hit ? describe(hit) : null };
  };

  // What happens after an action: mutations, input, scrolling.
  const WATCHED = { subtree: true, childList: true, attributes: true, characterData: true };
  const EVENTS = ["input", "change", "scroll", "focusin", "toggle"];
  let watcher = null, count = 0, scrolls = 0, touched = 0, leaving = false;
  // Scrolling is told apart: every click scrolls its element into view.
  const touch = (what) => { if (what.type === "scroll") scrolls += 1; else count += 1; touched = now(); };
  const leave = () => { leaving = true; };
  const watch = () => {
    if (!watcher) {
      watcher = new MutationObserver(touch);
      watcher.observe(document, WATCHED);
      for (const ref of allRoots) { const root = ref.deref(); if (root) watcher.observe(root, WATCHED); }
      for (const type of EVENTS) document.addEventListener(type, touch, { capture: true, passive: true });
      window.addEventListener("beforeunload", leave, { capture: true });
    }
    leaving = false;
    count = scrolls = 0;
    timers.clear();
    touched = now();
  };
  const settle = (quiet, limit) => new Promise((resolve) => {
    const end = now() + limit;
    touched = Math.max(touched, now() - quiet / 2);
    const check = () => {
      const at = now();
      const still = at - touched >= quiet && timers.size === 0;
      if (at >= end || still) return resolve({ count, scrolls, quiet: still, leaving });
      setTimeout(check, Math.min(end - at, Math.max(quiet - (at - touched), 10)) + 1);
    };
    check();
  });
  // Two frames from now, or soon where nothing is painted (a tab in the background).
  const painted = () => new Promise((resolve) => {
    setTimeout(resolve, 100);
    window.requestAnimationFrame(() => window.requestAnimationFrame(resolve));
  });
  const unwatch = () => {
    if (!watcher) return;
    watcher.disconnect();
    for (const type of EVENTS) document.removeEventListener(type, touch, { capture: true });
    window.removeEventListener("beforeunload", leave, { capture: true });
    watcher = null;
  };

  // Some pages teach arrays or objects a toJSON of their own, which would get into what is returned.
  const stringify = (value) => {
    const taught = [Object.prototype, Array.prototype, String.prototype].map((owner) => [owner, Object.getOwnPropertyDescriptor(owner, "toJSON")]);
    const undo = taught.filter(([owner, own]) => own && delete owner.toJSON);
    try { return JSON.stringify(value); } finally {
      for (const [owner, own] of undo) Object.defineProperty(owner, "toJSON", own);
    }
  };

  const api = {
    stringify,
    listens, shadowOf, idOf, get, cut, empty, probe, point, watch, settle, painted, count: () => count, unwatch,
    born,
  };
  Object.defineProperty(window, key, { value: api, enumerable: false });
}
