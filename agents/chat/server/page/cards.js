// Cards that the person answers: questions, and approvals of what cannot be undone.

import { h } from "./dom.js";
import { pictureOfTurn } from "./api.js";
import { Regions } from "./regions.js";

/** Return whether a question asks for permission. */
export function isApproval(question) {
  return question.choices.length === 2 && question.choices[0].toLowerCase() === "yes" && question.choices[1].toLowerCase() === "no";
}

/**
 * Return a card. `answer(text)` sends an answer and resolves when it is taken; `page` is what was last seen
 * of a web page ({url, title, image}), if anything.
 */
export function card(question, key, page, answer) {
  const approval = isApproval(question);
  const id = `question-${key}-${question.id}`;
  const element = h("section", { class: approval ? "card approval" : "card", "aria-labelledby": id },
    h("p", { class: "card-kind", text: approval ? "Needs your approval" : "Question" }),
    h("p", { class: "card-text", id, text: question.text }));
  if (question.why) element.append(h("p", { class: "card-why", text: question.why }));
  if (page?.url && (approval || question.missing)) element.append(h("p", { class: "card-where" }, "On ", h("span", { class: "address", text: page.url })));
  if (page?.image && approval) element.append(new Regions(pictureOfTurn(key, page.image), page.title || "The page").element);
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  const send = async (text) => {
    for (const control of element.querySelectorAll("button, input")) control.disabled = true;
    try {
      await answer(text);
    } catch (error) {
      trouble.textContent = error.message;
      trouble.hidden = false;
      for (const control of element.querySelectorAll("button, input")) control.disabled = false;
    }
  };
  element.append(approval ? allowing(send) : choosing(question, send), trouble);
  return element;
}

function allowing(send) {
  return h("div", { class: "row" },
    h("button", { type: "button", class: "button", text: "Allow", onclick: () => send("yes") }),
    h("button", { type: "button", class: "button quiet", text: "Refuse", onclick: () => send("no") }));
}

function choosing(question, send) {
  const input = h("input", { class: "input", type: "text", "aria-label": "Your answer", placeholder: question.choices.length ? "Or something else" : "Your answer", maxlength: 4000, autocomplete: "off" });
  const form = h("form", { class: "row", onsubmit: (event) => {
    event.preventDefault();
    if (input.value.trim()) send(input.value.trim());
  } }, input, h("button", { class: "button", type: "submit", text: "Answer" }));
  const choices = question.choices.map((choice) => h("button", { type: "button", class: "button quiet", text: choice, onclick: () => send(choice) }));
  return h("div", { class: "choosing" }, choices.length ? h("div", { class: "row" }, choices) : null, form);
}
