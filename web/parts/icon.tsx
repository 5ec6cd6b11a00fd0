// An icon of the lucide set, drawn in the colour of the text beside it.
import type { IconNode } from "lucide";
import { h } from "preact";

/** @param size Pixels. */
export function Icon({ of, size = 18 }: { readonly of: IconNode; readonly size?: number }) {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="2"
      stroke-linecap="round"
      stroke-linejoin="round"
    >
      {of.map(([tag, attributes], i) => h(tag, { key: i, ...attributes }))}
    </svg>
  );
}
