"use strict";
// Filters and folds of the timeline, and large pictures.

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
    copy.classList.remove("crop", "place", "screen", "close-up");
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

startTimeline(document.getElementById("timeline"));
startZoom(document.getElementById("zoom"));
