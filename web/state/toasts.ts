// Short messages at the foot of the page; some can be undone.
import { signal } from "@preact/signals";

/** Milliseconds that a message stays. */
const STAY = 7000;

export interface Toast {
  readonly text: string;
  readonly action?: { readonly label: string; run(): void } | undefined;
}

export const toasts = signal<readonly Toast[]>([]);

/**
 * Shows a message.
 *
 * @param gone Called when it goes without its action having been used.
 * @returns Takes it away at once, without calling `gone`.
 */
export function toast(text: string, action?: { label: string; run(): void }, gone?: () => void): () => void {
  const close = () => {
    clearTimeout(timer);
    toasts.value = toasts.value.filter((one) => one !== shown);
  };
  const run = () => {
    close();
    action?.run();
  };
  const shown: Toast = { text, action: action && { label: action.label, run } };
  const timer = setTimeout(() => {
    close();
    gone?.();
  }, STAY);
  toasts.value = [...toasts.value, shown];
  return close;
}
