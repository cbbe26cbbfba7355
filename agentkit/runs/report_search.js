// A visual search in time: what was looked at, in which order, on which way, and what was left in the queue.

function startSearch(section) {
  const { regions, looks, finds, meanings } = JSON.parse(section.dataset.search);
  const frame = section.querySelector(".frame");
  if (!frame || !looks.length) return;
  const slider = section.querySelector("input[type=range]");
  const play = section.querySelector("[data-play]");
  const heatShown = section.querySelector("[data-heat]");
  const marks = new Map();
  for (const mark of section.querySelectorAll("[data-node]")) {
    if (!marks.has(mark.dataset.node)) marks.set(mark.dataset.node, []);
    marks.get(mark.dataset.node).push(mark);
  }
  const [, , pictureWidth, pictureHeight] = frame.querySelector("svg").getAttribute("viewBox").split(" ").map(Number);
  let order = 1;
  let timer = null;

  function show(number) {
    order = Math.min(Math.max(number, 1), looks.length);
    const look = looks[order - 1];
    const way = wayTo(regions, look.node);
    slider.value = order;
    slider.setAttribute("aria-valuetext", `look ${order} of ${looks.length}: ${inWords(regions[look.node], look)}`);
    section.querySelector("output").textContent = `${order} of ${looks.length}`;
    for (const [node, elements] of marks) {
      const state = stateAt(node, regions[node], order, finds);
      for (const mark of elements) markAs(mark, state, node === String(look.node), way.includes(node));
      const recent = regions[node].orders.some((visit) => visit <= order && visit > order - 8);
      for (const tag of elements.filter((mark) => mark.matches(".tag"))) {
        tag.classList.toggle("far", looks.length > 40 && !recent && !way.includes(node));
      }
    }
    for (const find of section.querySelectorAll(".frame [data-find]")) {
      find.classList.toggle("later", Number(find.dataset.find) > order);
    }
    moveSpot(frame, regions[look.node].box, pictureWidth, pictureHeight);
    drawHeat(frame.querySelector(".heat-cells"), heatShown.checked ? look.heat : []);
    const found = finds.filter((find) => find.look === order);
    drawSeen(frame.querySelector(".seen"), found.length ? null : look.find);
    describe(section.querySelector(".current"), { order, look, looks, regions, way, found, meanings });
    const dot = section.querySelector(".tree .dot.now circle");
    if (dot) {
      const tree = section.querySelector(".tree");
      tree.scrollLeft = Number(dot.getAttribute("cx")) - tree.clientWidth / 2;
    }
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "▶ play";
    play.setAttribute("aria-label", "play");
  }

  function start() {
    if (order >= looks.length) show(1);
    play.textContent = "❚❚ stop";
    play.setAttribute("aria-label", "stop");
    const pause = Math.min(Math.max(30000 / looks.length, 80), 1100);
    timer = setInterval(() => {
      show(order + 1);
      if (order >= looks.length) stop();
    }, pause);
  }

  function go(number) {
    stop();
    show(number);
  }

  const steps = { first: () => 1, last: () => looks.length, "-1": () => order - 1, 1: () => order + 1 };
  const keys = { ArrowLeft: "-1", ArrowRight: "1", Home: "first", End: "last" };
  slider.addEventListener("input", () => go(Number(slider.value)));
  heatShown.addEventListener("change", () => show(order));
  section.addEventListener("click", (event) => {
    const target = event.target.closest("[data-look], [data-step], [data-play]");
    if (!target) return;
    if (target.dataset.step) go(steps[target.dataset.step]());
    else if (target.dataset.look) go(Number(target.dataset.look));
    else if (timer) stop();
    else start();
  });
  section.addEventListener("keydown", (event) => {
    if (event.target === slider || event.altKey || event.ctrlKey || event.metaKey || !keys[event.key]) return;
    event.preventDefault();
    go(steps[keys[event.key]]());
  });
  slider.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    play.click();
  });
  for (const name of ["mouseover", "mouseout"]) {
    section.addEventListener(name, (event) => {
      const node = event.target.closest(".dot, .node, .current [data-node]")?.dataset.node;
      for (const mark of marks.get(node) || []) mark.classList.toggle("hint", name === "mouseover");
    });
  }

  section.classList.add("live");
  for (const part of section.querySelectorAll(".time, .current, .spot")) part.hidden = false;
  section.showLook = go;
  show(finds.length ? finds[finds.length - 1].look : looks.length);
}

// What a region was at a time: not there yet, waiting, given up, or looked at; and whether the thing was found in it.
function stateAt(node, region, order, finds) {
  const visited = region.orders.some((visit) => visit <= order);
  const found = finds.some((find) => find.look <= order && String(find.node) === node);
  const later = region.since > order;
  return { visited, found, later, waiting: !later && !visited && !region.closed, closed: !later && !visited && region.closed };
}

function markAs(mark, state, now, onWay) {
  const isTag = mark.matches(".tag, .node");
  mark.classList.toggle("later", isTag ? !state.visited : mark.matches(".dot") ? !state.visited && !state.waiting && !state.closed : state.later);
  for (const name of ["visited", "found", "waiting", "closed"]) {
    if (!mark.matches(".branch")) mark.classList.toggle(name, state[name]);
  }
  mark.classList.toggle("now", now);
  mark.classList.toggle("way", onWay && !mark.matches(".node"));
}

function wayTo(regions, node) {
  const way = [];
  for (let at = String(node); regions[at] && !way.includes(at); at = String(regions[at].above)) way.unshift(at);
  return way;
}

function boxText(box) {
  return `(${box.map((value) => Math.round(value)).join(", ")})`;
}

function short(value) {
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) < 0.0005 ? "0" : String(Number(value.toPrecision(3)));
}

function inWords(region, look) {
  const scores = Object.entries(look.scores).map(([name, value]) => `${name} ${short(value)}`);
  return `${boxText(region.box)} for ${region.about}${scores.length ? ": " + scores.join(", ") : ""}`;
}

function place(rect, [left, top, right, bottom]) {
  const numbers = { x: left, y: top, width: right - left, height: bottom - top };
  for (const [name, value] of Object.entries(numbers)) rect.setAttribute(name, value);
}

function moveSpot(frame, [left, top, right, bottom], width, height) {
  const { style } = frame.querySelector(".spot");
  style.left = `${(100 * left) / width}%`;
  style.top = `${(100 * top) / height}%`;
  style.width = `${(100 * (right - left)) / width}%`;
  style.height = `${(100 * (bottom - top)) / height}%`;
}

function drawHeat(group, cells) {
  const hottest = Math.max(...cells.map((cell) => cell[4]), 1e-9);
  group.replaceChildren(...cells.map(([left, top, right, bottom, value]) => {
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    place(rect, [left, top, right, bottom]);
    rect.style.setProperty("--score", (value / hottest).toFixed(3));
    return rect;
  }));
}

function drawSeen(rect, find) {
  rect.toggleAttribute("hidden", !find);
  if (find) place(rect, find.box);
}

function element(name, text, data = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  Object.assign(made.dataset, data);
  return made;
}

function within([left, top, right, bottom], box) {
  return left >= box[0] && top >= box[1] && right <= box[2] && bottom <= box[3];
}

// The region, enlarged; with what was seen beside it, and then with its own edge.
function drawCloseUp(svg, box, find, { found, beside }) {
  const pairs = beside ? box.map((value, i) => (i < 2 ? Math.min : Math.max)(value, find.box[i])) : box;
  const [left, top, right, bottom] = pairs;
  const [width, height] = [Math.max(right - left, 1), Math.max(bottom - top, 1)];
  const ratio = Math.min(Math.max(width / height, 1 / 4), 8);
  svg.setAttribute("viewBox", `${left} ${top} ${width} ${height}`);
  svg.setAttribute("preserveAspectRatio", ratio === width / height ? "xMidYMid meet" : "none");
  svg.style.aspectRatio = ratio;
  svg.classList.toggle("sure", found);
  svg.querySelectorAll(".seen").forEach((rect) => drawSeen(rect, find));
  drawSeen(svg.querySelector(".edge"), beside ? { box } : null);
}

// Fill the panel beside the picture.
function describe(panel, { order, look, looks, regions, way, found, meanings }) {
  const region = regions[look.node];
  const [left, top, right, bottom] = region.box;
  const here = found.find((find) => find.node === look.node);
  const seen = here ?? look.find;
  const beside = Boolean(seen) && !within(seen.box, region.box);
  drawCloseUp(panel.querySelector(".close-up"), region.box, seen, { found: Boolean(here), beside });
  const again = region.orders.indexOf(order) > 0 ? ", again" : "";
  panel.querySelector(".name").textContent = `Look ${order} of ${looks.length}${again}`;
  panel.querySelector(".place").textContent =
    `${boxText(region.box)}, ${Math.round(right - left)} × ${Math.round(bottom - top)} pixels, for ${region.about}`;
  const outcome = panel.querySelector(".outcome");
  outcome.classList.toggle("hit", found.length > 0);
  outcome.textContent = outcomeOf(look, found, regions) + (beside ? " A look shows more than its region: this lies beside it." : "");
  panel.querySelector(".measures").hidden = !Object.keys(look.scores).length;
  panel.querySelector(".measures tbody").replaceChildren(...Object.entries(look.scores).map((score) => measure(score, meanings)));
  panel.querySelector(".way-there").replaceChildren(...way.map((node) => {
    const at = regions[node].orders.filter((visit) => visit <= order);
    const item = document.createElement("li");
    const words = `${at.length ? at[at.length - 1] : "·"}  ${boxText(regions[node].box)}`;
    item.append(at.length ? element("button", words, { look: at[at.length - 1], node }) : words);
    return item;
  }));
  fillQueue(panel, order, looks, regions, look.waiting);
}

function outcomeOf(look, found, regions) {
  if (found.length) {
    return found.map((find) => {
      const sure = find.confidence === null ? "" : `, ${find.confidence.toFixed(2)} sure`;
      const where = find.node === look.node ? "" : `, in the region of look ${regions[find.node].orders[0]}`;
      return `✓ Found at ${boxText(find.box)}${sure}${where}.`;
    }).join(" ");
  }
  if (!look.find) return "Nothing was found here.";
  const text = look.find.text ? ` “${look.find.text}”` : "";
  return `Seen at ${boxText(look.find.box)}${text}, ${look.find.confidence.toFixed(2)} sure. Not sure enough.`;
}

function measure([name, value], meanings) {
  const row = document.createElement("tr");
  const bar = document.createElement("td");
  if (value >= 0 && value <= 1) {
    const track = element("span", "");
    track.className = "track";
    track.style.display = "block";
    const fill = document.createElement("i");
    fill.style.width = `${100 * value}%`;
    track.append(fill);
    bar.append(track);
  }
  const head = element("th", name);
  head.scope = "row";
  if (meanings[name]) head.title = meanings[name];
  row.append(head, bar, element("td", short(value)));
  return row;
}

// The regions that wait after a look, those of the highest priority first; the one that was looked at next stands out.
function fillQueue(panel, order, looks, regions, waiting) {
  const next = looks[order] ? String(looks[order].node) : null;
  const key = (region) => [region.hopes.priority ?? region.hopes.prior ?? 0, Object.values(region.hopes)[0] ?? 0];
  const open = Object.entries(regions).filter(([node, region]) => stateAt(node, region, order, []).waiting || node === next);
  open.sort(([one, a], [other, b]) =>
    (other === next) - (one === next) || key(b)[0] - key(a)[0] || key(b)[1] - key(a)[1]);
  panel.querySelector(".queue-size").textContent =
    `${waiting} region${waiting === 1 ? " waits" : "s wait"}.${next ? "" : " The search has ended."}`;
  panel.querySelector(".queue").replaceChildren(...open.slice(0, 5).map(([node, region]) => {
    const item = document.createElement("li");
    const scores = Object.entries(region.hopes).map(([name, value]) => `${name} ${short(value)}`).join(", ");
    const button = element("button", `${node === next ? "next: " : ""}${boxText(region.box)}${scores ? " " + scores : ""}`, { node });
    if (node === next) {
      button.className = "next";
      button.dataset.look = order + 1;
    } else if (region.orders.length) button.dataset.look = region.orders.find((visit) => visit > order) ?? region.orders[0];
    item.append(button);
    return item;
  }));
}

document.querySelectorAll(".search").forEach(startSearch);
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-search-look]");
  if (link) document.querySelector(link.getAttribute("href"))?.showLook?.(Number(link.dataset.searchLook));
});
