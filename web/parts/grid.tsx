// The grid of images: rows that fill the width and keep each image's aspect. Only what is near the screen is in the
// document, so that a hundred thousand images scroll as well as a hundred.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { gone } from "../state/changes.ts";
import { clearSelection, isChoosing, selectAll, selected, selectTo, toggleSelected } from "../state/selection.ts";
import { heightOf, layOutRows, type Row, rowsBetween } from "./rows.ts";
import { type GridImage, Tile } from "./tile.tsx";

/** Room between images, and for the text below one, pixels. */
const GAP = 10;
const BELOW = 28;
/** How far beyond the screen rows are kept, pixels. */
const NEAR = 700;

interface GridProps<T extends GridImage> {
  /** What the grid shows, for screen readers. */
  readonly label: string;
  readonly images: readonly T[];
  /** Height that rows come close to, pixels. */
  readonly side: number;
  readonly actions?: (image: T) => ComponentChildren;
  readonly badge?: (image: T) => string | undefined;
  /** Called when the end comes near. */
  readonly onEnd?: (() => void) | undefined;
}

export function Grid<T extends GridImage>({ label, images: all, side, actions, badge, onEnd }: GridProps<T>) {
  const list = useRef<HTMLUListElement>(null);
  const [width, setWidth] = useState(0);
  const [[first, after], setSeen] = useState<[number, number]>([0, 12]);
  const hidden = gone.value;
  const images = useMemo(() => (hidden.size > 0 ? all.filter(({ id }) => !hidden.has(id)) : all), [all, hidden]);
  const rows = useMemo(
    () =>
      width === 0
        ? []
        : layOutRows(
            images.map((image) => image.width / image.height),
            { width, height: side, gap: GAP, below: BELOW },
          ),
    [images, width, side],
  );
  const height = heightOf(rows, { gap: GAP, below: BELOW });

  useLayoutEffect(() => {
    const measured = new ResizeObserver(() => setWidth(list.current!.clientWidth));
    measured.observe(list.current!);
    setWidth(list.current!.clientWidth);
    return () => measured.disconnect();
  }, []);

  useLayoutEffect(() => {
    const look = () => {
      const { top } = list.current!.getBoundingClientRect();
      const [from, to] = rowsBetween(rows, -top - NEAR, innerHeight - top + NEAR);
      setSeen((before) => (before[0] === from && before[1] === to ? before : [from, to]));
      if (onEnd && height + top < innerHeight + 2 * NEAR) onEnd();
    };
    look();
    const moved = new ResizeObserver(look); // what stands above may grow
    moved.observe(document.body);
    addEventListener("scroll", look, { passive: true });
    return () => {
      moved.disconnect();
      removeEventListener("scroll", look);
    };
  }, [rows, height, onEnd]);

  const keys = useGridKeys(list, images, rows);

  const pick = (image: T, event: MouseEvent) => {
    if (event.shiftKey) selectTo(image, images);
    else toggleSelected(image);
  };
  const open = async (image: T, event: MouseEvent) => {
    if (isChoosing.value || selected.value.size > 0 || event.shiftKey) return pick(image, event);
    const { openLightbox } = await import("./lightbox.tsx");
    openLightbox(images, images.indexOf(image), (id) => keys.focus(images.findIndex((one) => one.id === id)), actions);
  };

  const tilesOf = ({ first, top, height, places }: Row) =>
    places.map(({ left, width }, i) => {
      const image = images[first + i]!;
      return (
        <Tile
          key={image.id}
          image={image}
          side={Math.max(width, height)}
          position={first + i}
          of={images.length}
          style={{ transform: `translate(${left}px, ${top}px)`, width: `${width}px`, "--height": `${height}px` }}
          badge={badge?.(image)}
          open={(event) => void open(image, event)}
          pick={(event) => pick(image, event)}
        >
          {actions?.(image)}
        </Tile>
      );
    });
  // A row that stays while others come and go is not made again, so that scrolling costs what it adds.
  const made = useMemo(() => new Map<Row, ReturnType<typeof tilesOf>>(), [rows, images, actions, badge]);
  const seen = rows.slice(first, after);
  for (const row of seen) if (!made.has(row)) made.set(row, tilesOf(row));

  return (
    <ul
      ref={list}
      class={isChoosing.value || selected.value.size > 0 ? "grid choosing" : "grid"}
      aria-label={label}
      style={{ height: `${height}px` }}
      onKeyDown={keys.pressed}
    >
      {seen.flatMap((row) => made.get(row)!)}
    </ul>
  );
}

/** Arrow keys from image to image, and keys that choose. */
function useGridKeys(list: { current: HTMLUListElement | null }, images: readonly GridImage[], rows: readonly Row[]) {
  const wanted = useRef<string | undefined>(undefined);
  const pictureOf = (id: string) => list.current?.querySelector<HTMLElement>(`[data-id="${id}"] .picture`);

  // The tile may only come into the document when the page has scrolled to it.
  useLayoutEffect(() => {
    const picture = wanted.current && pictureOf(wanted.current);
    if (!picture) return;
    wanted.current = undefined;
    picture.focus({ preventScroll: true });
  });

  const focus = (position: number) => {
    const image = images[position];
    const row = rows.findLast(({ first }) => first <= position);
    if (!image || !row || !list.current) return; // the view may have changed meanwhile
    const top = list.current.getBoundingClientRect().top + row.top;
    const [least, most] = [90, innerHeight - row.height - BELOW - 20];
    if (top < least || top > most) scrollBy(0, top - (top < least ? least : Math.max(least, most)));
    const picture = pictureOf(image.id);
    if (picture) picture.focus({ preventScroll: true });
    else wanted.current = image.id;
  };

  const pressed = (event: KeyboardEvent) => {
    const tile = (event.target as HTMLElement).closest<HTMLElement>(".tile");
    const at = tile ? images.findIndex(({ id }) => id === tile.dataset.id) : -1;
    if (at < 0) return;
    const act = {
      ArrowLeft: () => at - 1,
      ArrowRight: () => at + 1,
      ArrowUp: () => inNextRow(rows, at, -1),
      ArrowDown: () => inNextRow(rows, at, 1),
      Home: () => 0,
      End: () => images.length - 1,
    }[event.key];
    if (act) {
      const to = Math.max(0, Math.min(images.length - 1, act()));
      if (event.shiftKey) {
        if (!selected.value.has(images[at]!.id)) toggleSelected(images[at]!);
        selectTo(images[to]!, images);
      }
      focus(to);
    } else if (event.key === " " && (event.target as HTMLElement).matches(".picture")) toggleSelected(images[at]!);
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) selectAll(images);
    else return;
    event.preventDefault();
  };

  return { focus, pressed };
}

/** The image of the next row, or the one before, that lies most nearly below or above. */
function inNextRow(rows: readonly Row[], position: number, step: 1 | -1): number {
  const at = rows.findLastIndex(({ first }) => first <= position);
  const [from, to] = [rows[at]!, rows[at + step]];
  if (!to) return position;
  const middleOf = ({ left, width }: { left: number; width: number }) => left + width / 2;
  const middle = middleOf(from.places[position - from.first]!);
  const distances = to.places.map((place) => Math.abs(middleOf(place) - middle));
  return to.first + distances.indexOf(Math.min(...distances));
}

/** Escape takes back the choice, wherever the focus is. */
export function useEscape(): void {
  useEffect(() => {
    const pressed = ({ key }: KeyboardEvent) => {
      if (key === "Escape" && !document.querySelector("dialog[open], .pswp")) clearSelection();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}
