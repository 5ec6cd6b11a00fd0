// Whether the page is scrolled so fast that nobody can see its pictures: those that rush by are not asked for.
import { signal } from "@preact/signals";

/** Speed from which it is too fast, pixels a millisecond: several screens a second. */
const FAST = 5;
/** Milliseconds without such a speed after which it is over. */
const CALM = 100;

export const isRushing = signal(false);

let last = { place: 0, time: 0, isFast: false };
let timer: ReturnType<typeof setTimeout> | undefined;

addEventListener(
  "scroll",
  ({ timeStamp: time }) => {
    const speed = Math.abs(scrollY - last.place) / Math.max(1, time - last.time);
    const isFast = speed > FAST;
    // One long step, as that of a key, is no rush.
    if (isFast && last.isFast) {
      isRushing.value = true;
      clearTimeout(timer);
      timer = setTimeout(() => {
        isRushing.value = false;
      }, CALM);
    }
    last = { place: scrollY, time, isFast };
  },
  { passive: true },
);
