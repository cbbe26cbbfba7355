"use strict";
// The slider and the tree of a search, filters and folds of the timeline, and large pictures.

function startSearch(section) {
  const slider = section.querySelector("input[type=range]");
  if (!slider) return;
  const boxes = new Map([...section.querySelectorAll("rect.visit")].map((box) => [Number(box.dataset.order), box]));
  const nodes = new Map([...section.querySelectorAll("button.node")].map((node) => [Number(node.dataset.order), node]));
  const look = section.querySelector(".look svg");
  const title = section.querySelector(".title");
  const count = section.querySelector("output");
  const play = section.querySelector("[data-play]");
  let timer = null;

  function show(order) {
    slider.value = order;
    count.textContent = `${order} of ${slider.max}`;
    for (const [place, box] of boxes) {
      box.classList.toggle("later", place > order);
      box.classList.toggle("now", place === order);
    }
    for (const [place, node] of nodes) {
      node.classList.toggle("later", place > order);
      node.classList.toggle("now", place === order);
    }
    const box = boxes.get(order);
    if (!box) return;
    title.textContent = box.dataset.title;
    const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => Number(box.getAttribute(name)));
    look.setAttribute("viewBox", `${x} ${y} ${Math.max(width, 1)} ${Math.max(height, 1)}`);
    look.style.aspectRatio = `${Math.max(width, 1)}/${Math.max(height, 1)}`;
    // Small boxes lie over large ones, and the current one over all.
    box.parentNode.append(box, ...box.parentNode.querySelectorAll("rect.find"));
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "▶";
  }

  slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
  section.addEventListener("click", (event) => {
    const target = event.target.closest("rect.visit, button.node");
    if (target) { stop(); show(Number(target.dataset.order)); }
  });
  play.addEventListener("click", () => {
    if (timer) { stop(); return; }
    let order = Number(slider.value) >= Number(slider.max) ? 0 : Number(slider.value);
    play.textContent = "❚❚";
    timer = setInterval(() => {
      order += 1;
      show(order);
      if (order >= Number(slider.max)) stop();
    }, 400);
  });
  const found = section.querySelector("rect.visit.found");
  show(Number(found ? found.dataset.order : slider.max));
}

function startTimeline(section) {
  const hidden = new Set();
  section.addEventListener("change", (event) => {
    const kind = event.target.dataset.kind;
    if (!kind) return;
    if (event.target.checked) hidden.delete(kind); else hidden.add(kind);
    for (const item of section.querySelectorAll("li[data-kinds]")) {
      const kinds = item.dataset.kinds.split(" ").filter(Boolean);
      item.hidden = kinds.length > 0 && kinds.every((name) => hidden.has(name));
    }
  });
  section.addEventListener("click", (event) => {
    const fold = event.target.dataset.fold;
    if (!fold) return;
    for (const item of section.querySelectorAll("li.span > details")) item.open = fold === "open";
  });
}

function startZoom(dialog) {
  function open(picture) {
    dialog.querySelectorAll("svg").forEach((old) => old.remove());
    const copy = picture.cloneNode(true);
    copy.classList.remove("crop", "place", "screen");
    copy.removeAttribute("tabindex");
    const [, , width, height] = copy.getAttribute("viewBox").split(" ").map(Number);
    copy.style.width = `min(94vw, ${(92 * width) / height}vh)`;
    dialog.append(copy);
    dialog.showModal();
  }
  document.addEventListener("click", (event) => {
    const picture = event.target.closest("svg.picture[tabindex]");
    if (picture) { event.preventDefault(); open(picture); }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches?.("svg.picture[tabindex]")) open(event.target);
  });
  dialog.addEventListener("click", () => dialog.close());
}

document.querySelectorAll(".search").forEach(startSearch);
startTimeline(document.getElementById("timeline"));
startZoom(document.getElementById("zoom"));
