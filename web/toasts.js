// Short messages at the foot of the page; some can be undone.
import { button, el } from "./dom.js";

/** Milliseconds that a message stays. */
const STAY = 7000;

/** Makes the messages of a page inside `root`, which must be a live region. */
export function createToasts(root) {
  /**
   * Shows a message.
   *
   * @param {{ label: string, run: () => void }} [action]
   * @param {() => void} [gone] Called when it goes without its action having been used.
   */
  return function toast(text, action, gone = () => {}) {
    const close = () => {
      clearTimeout(timer);
      element.remove();
    };
    const element = el("div", { class: "toast" }, el("span", {}, text));
    if (action) {
      element.append(
        button(action.label, () => {
          close();
          action.run();
        }),
      );
    }
    const timer = setTimeout(() => {
      close();
      gone();
    }, STAY);
    root.append(element);
    return close;
  };
}
