// The message field: text, and pictures by paste, drop, file or camera.

import { $, h, icon, announce } from "./dom.js";
import { picture, pictureOf, taken } from "./api.js";

/** The field at the bottom. `send(text, digests)` resolves to whether the message was taken. */
export class Composer {
  constructor(send) {
    this.send = send;
    this.attached = [];
    // The server's limit for a picture, in bytes.
    this.most = Infinity;
    this.field = $("message");
    $("attach").append(icon("plus"));
    $("camera").append(icon("camera"));
    $("send").append(icon("send"));
    $("attach").addEventListener("click", () => $("files").click());
    $("camera").addEventListener("click", () => $("photo").click());
    for (const id of ["files", "photo"]) {
      $(id).addEventListener("change", (event) => {
        this.add(event.target.files);
        event.target.value = "";
      });
    }
    $("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.submit();
      }
    });
    this.field.addEventListener("input", () => this.fit());
    this.field.addEventListener("paste", (event) => {
      const files = [...event.clipboardData.files].filter((file) => file.type.startsWith("image/"));
      if (!files.length) return;
      event.preventDefault();
      this.add(files);
    });
    this.takeDrops();
  }

  takeDrops() {
    const main = $("main");
    main.addEventListener("dragover", (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      main.classList.add("dropping");
    });
    main.addEventListener("dragleave", (event) => {
      if (!main.contains(event.relatedTarget)) main.classList.remove("dropping");
    });
    main.addEventListener("drop", (event) => {
      event.preventDefault();
      main.classList.remove("dropping");
      this.add(event.dataTransfer.files);
    });
  }

  fit() {
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight, 240)}px`;
  }

  fill(text, digests = []) {
    this.field.value = text;
    this.attached = [];
    for (const digest of digests) this.attached.push(this.slot(`Picture ${digest.slice(0, 6)}`, Promise.resolve({ digest })));
    this.show();
    this.fit();
    this.field.focus();
  }

  add(files) {
    for (const file of files) this.attached.push(this.slot(file.name || "picture", this.upload(file)));
    this.show();
  }

  async upload(file) {
    // Said before the bytes go anywhere; the server says it, too.
    if (file.size > this.most) throw new Error(`this is more than ${Math.floor(this.most / 1048576)} MB`);
    return taken(await fetch("/api/pictures", { method: "POST", body: file, headers: { "content-type": "application/octet-stream" } }));
  }

  /** Return a picture on its way up, with its place below the field. */
  slot(name, arriving) {
    const slot = { digest: null, failed: false, arriving };
    const label = h("span", { class: "slot-label", text: "…" });
    slot.element = h("span", { class: "slot" }, label, h("button", { type: "button", class: "slot-remove", "aria-label": `Remove ${name}`, onclick: () => {
      this.attached = this.attached.filter((other) => other !== slot);
      this.show();
      this.field.focus();
    } }, icon("close")));
    slot.done = arriving.then(async ({ digest }) => {
      slot.digest = digest;
      const { url } = await picture(pictureOf(digest, 160));
      label.replaceWith(h("img", { src: url, alt: name }));
      announce(`${name} is added`);
    }).catch((error) => {
      slot.failed = true;
      slot.element.classList.add("failed");
      label.textContent = `${name}: ${error.message}`;
      announce(label.textContent);
    });
    return slot;
  }

  show() {
    $("attached").hidden = !this.attached.length;
    $("attached").replaceChildren(...this.attached.map((slot) => slot.element));
  }

  async submit() {
    if (this.sending) return;
    this.sending = true;
    $("send").disabled = true;
    try {
      await Promise.all(this.attached.map((slot) => slot.done));
      if (this.attached.some((slot) => slot.failed)) return;
      const digests = this.attached.map((slot) => slot.digest);
      const text = this.field.value.trim() || (digests.length ? "What is in this picture?" : "");
      if (text && (await this.send(text, digests))) this.fill("");
    } finally {
      this.sending = false;
      $("send").disabled = false;
    }
  }
}

