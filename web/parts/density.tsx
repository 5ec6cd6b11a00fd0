// How large the images of grids are: one choice for all of them, kept by the browser.
import { effect, signal } from "@preact/signals";
import { Grid2x2, Grid3x3 } from "lucide";
import { Icon } from "./icon.tsx";

const KEY = "moco-search-density";
/** Heights of a row, pixels. */
const [LEAST, USUAL, MOST] = [70, 150, 360];

/** Height that rows of images come close to, pixels. */
export const density = signal(within(Number(localStorage.getItem(KEY)) || (innerWidth < 600 ? 100 : USUAL)));

effect(() => localStorage.setItem(KEY, String(density.value)));

export function Density() {
  return (
    <label class="density" title="Size of the images">
      <Icon of={Grid3x3} size={16} />
      <input
        type="range"
        aria-label="Size of the images"
        min={LEAST}
        max={MOST}
        step={10}
        value={density.value}
        onInput={({ currentTarget }) => {
          density.value = within(Number(currentTarget.value));
        }}
      />
      <Icon of={Grid2x2} size={16} />
    </label>
  );
}

function within(side: number): number {
  return Math.max(LEAST, Math.min(MOST, side));
}
