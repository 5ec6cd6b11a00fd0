// The images that the user has chosen to act on together.
import { signal } from "@preact/signals";
import type { Metadata } from "../../client/index.ts";

export interface Selectable {
  readonly id: string;
  readonly metadata: Metadata;
}

/** The chosen images by id, in the order in which they were chosen. */
export const selected = signal<ReadonlyMap<string, Selectable>>(new Map());

/** True while a click chooses an image instead of opening it, though none is chosen yet: fingers cannot hover. */
export const isChoosing = signal(false);

/** Where the next range begins. */
let anchor: string | undefined;

/** Chooses an image, or no longer. */
export function toggleSelected(image: Selectable): void {
  const next = new Map(selected.value);
  if (!next.delete(image.id)) next.set(image.id, image);
  anchor = image.id;
  selected.value = next;
}

/** Chooses all images from the one that was chosen last to this one. */
export function selectTo(image: Selectable, among: readonly Selectable[]): void {
  const to = among.findIndex(({ id }) => id === image.id);
  const from = among.findIndex(({ id }) => id === anchor);
  if (from < 0) toggleSelected(image);
  else selectAll(among.slice(Math.min(from, to), Math.max(from, to) + 1));
}

/** Chooses these images beside what is chosen already. */
export function selectAll(images: readonly Selectable[]): void {
  selected.value = new Map([...selected.value, ...images.map((image) => [image.id, image] as const)]);
}

export function clearSelection(): void {
  anchor = undefined;
  isChoosing.value = false;
  if (selected.value.size > 0) selected.value = new Map();
}
