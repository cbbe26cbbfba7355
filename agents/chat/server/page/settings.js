// What can be chosen: models by role, strategy, instructions, budget; for a conversation, or for one more answer.

import { $, h, count, money } from "./dom.js";
import { call } from "./api.js";

const ROLES = [["see", "Sees"], ["decide", "Talks and decides"]];
const STATES = { ready: "ready", loading: "loading…", "not loaded": "not loaded yet", failed: "failed", missing: "not there" };
const STRATEGIES = { auto: "auto: one look if that is enough", direct: "direct: one look", vstar: "V*", dyfo: "DyFo", zoomeye: "ZoomEye", grid: "grid: everything" };
const LIMITS = [["steps", "steps", 1], ["tokens", "tokens", 1], ["cost", "US dollars", 0.01], ["seconds", "seconds", 1]];
const OTHER = "\u0000other";

/** Return the choices that say nothing: everything as the server has it. */
export const nothing = () => ({ see: null, decide: null, strategy: null, instructions: null, boost: null, budget: {} });

/**
 * Ask in a dialog what to choose, beginning with `choices`. `take(choices)` does something with it, and may throw:
 * the words are shown, and the dialog stays. `budget`: the limits now; `again`: for one more answer only.
 */
export async function choose({ title, choices, budget, take, yes = "Save", again = false }) {
  const dialog = $("settings");
  const offers = await call("GET", "/api/models");
  const form = new Form(offers, choices, budget, again);
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  const now = h("p", { class: "now", hidden: true });
  const save = h("button", { class: "button", type: "submit", text: yes });
  const close = h("button", { class: "button quiet", type: "button", text: "Cancel", onclick: () => dialog.close() });
  const reset = again ? null : h("button", { class: "text-button", type: "button", text: "Defaults", onclick: () => form.fill(nothing()) });
  const whole = h("form", { class: "settings-form", onsubmit: async (event) => {
    event.preventDefault();
    save.disabled = true;
    trouble.hidden = true;
    now.textContent = form.waits() ? "Loading the model" : "Saving";
    now.hidden = false;
    try {
      await take(form.value());
      dialog.close();
    } catch (error) {
      trouble.textContent = error.message;
      trouble.hidden = false;
    }
    now.hidden = true;
    save.disabled = false;
  } }, h("h2", { id: "settings-title", text: title }), form.element, now, trouble, h("div", { class: "row end" }, reset, close, save));
  dialog.replaceChildren(whole);
  dialog.showModal();
}

class Form {
  constructor(offers, choices, budget, again) {
    this.offers = offers;
    this.models = Object.fromEntries(ROLES.map(([role, name]) => [role, new ModelField(role, name, offers)]));
    this.strategy = h("select", { class: "input", id: "settings-strategy" }, h("option", { value: "", text: `As the server has it (${offers.strategy})` }), Object.entries(STRATEGIES).map(([value, text]) => h("option", { value, text })));
    this.instructions = h("textarea", { class: "input", id: "settings-instructions", rows: "3", maxlength: "8000", placeholder: offers.instructions });
    this.boost = h("input", { class: "input", type: "number", id: "settings-boost", min: "0.1", max: "100", step: "0.1", placeholder: "1" });
    this.limits = Object.fromEntries(LIMITS.map(([name, unit, step]) => [name, h("input", { class: "input number", type: "number", min: "0", step: String(step), "aria-label": `At most so many ${unit} a turn`, placeholder: budget?.[name] === undefined ? `no limit of ${unit}` : `${budget[name]} ${unit}` })]));
    this.element = h("div", { class: "settings-fields" },
      Object.values(this.models).map((field) => field.element),
      h("div", {}, h("label", { class: "field-label", for: "settings-strategy", text: "How pictures are searched" }), this.strategy),
      h("div", {}, h("label", { class: "field-label", for: "settings-instructions", text: "Instructions" }), this.instructions),
      h("div", {}, h("label", { class: "field-label", for: "settings-boost", text: "Attention on standing instructions, times" }), this.boost, h("p", { class: "hint", text: "What you asked for “always” or “from now on”; local models only. Large factors spoil free writing." })),
      again ? null : h("fieldset", { class: "limits" }, h("legend", { class: "field-label", text: "A turn may take at most" }), h("div", { class: "row" }, Object.values(this.limits)), h("p", { class: "hint", text: "Smaller than the server's own limits, not larger." })));
    this.fill(choices);
  }

  fill(choices) {
    for (const [role] of ROLES) this.models[role].fill(choices[role] ?? null);
    this.strategy.value = choices.strategy ?? "";
    this.instructions.value = choices.instructions ?? "";
    this.boost.value = choices.boost ?? "";
    for (const [name] of LIMITS) this.limits[name].value = choices.budget?.[name] ?? "";
  }

  value() {
    const limits = LIMITS.map(([name]) => [name, this.limits[name].value]).filter(([, value]) => value !== "");
    return {
      see: this.models.see.value(), decide: this.models.decide.value(), strategy: this.strategy.value || null,
      instructions: this.instructions.value.trim() || null,
      boost: this.boost.value === "" ? null : Number(this.boost.value),
      budget: Object.fromEntries(limits.map(([name, value]) => [name, Number(value)])),
    };
  }

  waits() {
    return Object.values(this.models).some((field) => field.state() !== "ready");
  }
}

/** One role: the models that can play it, with what they can do and what is missing; or a reference by hand. */
class ModelField {
  constructor(role, name, offers) {
    this.role = role;
    this.offers = offers;
    const able = offers.models.filter((model) => !model.roles || model.roles.includes(role));
    this.select = h("select", { class: "input", id: `settings-${role}`, onchange: () => this.describe() },
      h("option", { value: "", text: `As the server has it (${offers.defaults[role]})` }),
      able.map((model) => h("option", { value: model.reference, text: `${model.reference} · ${STATES[model.state]}` })),
      offers.free ? h("option", { value: OTHER, text: "Another…" }) : null);
    this.input = h("input", { class: "input", type: "text", "aria-label": `${name}: a model's reference`, placeholder: "openai:NAME, hf:Org/Name, http://host:port/v1#NAME", maxlength: "500", autocomplete: "off", spellcheck: "false" });
    this.about = h("p", { class: "hint", id: `settings-${role}-about` });
    this.select.setAttribute("aria-describedby", this.about.id);
    this.element = h("div", {}, h("label", { class: "field-label", for: this.select.id, text: name }), this.select, this.input, this.about);
  }

  fill(reference) {
    const known = reference === null || [...this.select.options].some((option) => option.value === reference);
    this.select.value = known ? reference ?? "" : OTHER;
    this.input.value = known ? "" : reference;
    this.describe();
  }

  value() {
    return this.select.value === OTHER ? this.input.value.trim() || null : this.select.value || null;
  }

  model() {
    const reference = this.value() ?? this.offers.defaults[this.role];
    return this.offers.models.find((model) => model.reference === reference);
  }

  state() {
    return this.model()?.state ?? "not loaded";
  }

  describe() {
    this.input.hidden = this.select.value !== OTHER;
    const model = this.input.hidden ? this.model() : null;
    const parts = model ? [model.what, STATES[model.state], model.capabilities.length ? `can: ${model.capabilities.join(", ")}` : "", model.context ? `${model.context.toLocaleString("en")} tokens of context` : "", model.mend ?? ""] : ["It is loaded when you save."];
    this.about.textContent = parts.filter(Boolean).join(" · ");
  }
}

/** Return what a turn took, against its limits, in words. */
export function spent(usage, limits = {}) {
  const tokens = usage.input_tokens + usage.output_tokens;
  const of = (name) => (limits[name] === undefined ? "" : ` of ${limits[name].toLocaleString("en")}`);
  return [`${tokens.toLocaleString("en")}${of("tokens")} ${tokens === 1 ? "token" : "tokens"}`, `${money(usage.cost)}${limits.cost === undefined ? "" : ` of ${money(limits.cost)}`}`, limits.calls === undefined ? "" : count(limits.calls, "call")].filter(Boolean).join(" · ");
}
