// Asks the user for an API key.
import { button, el } from "./dom.js";

/** Resolves with the key that the user typed, or undefined if they cancelled. */
export function askForKey({ refused = false } = {}) {
  return new Promise((resolve) => {
    const input = el("input", { type: "password", autocomplete: "off", required: true, id: "key" });
    const form = el(
      "form",
      { method: "dialog" },
      el("h2", { id: "key-title" }, "This server asks for a key"),
      el("p", {}, "Whoever runs it can tell you. It is kept in this tab only."),
      refused && el("p", { role: "alert" }, "That key was not accepted. Check it and try again."),
      el("label", { htmlFor: "key" }, "API key"),
      input,
      el(
        "div",
        { class: "actions" },
        el("button", { class: "primary", value: "ok" }, "Continue"),
        button("Cancel", () => dialog.close()),
      ),
    );
    const dialog = el("dialog", { "aria-labelledby": "key-title" }, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "ok" ? input.value.trim() || undefined : undefined);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
