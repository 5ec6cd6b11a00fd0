// Work that is done one after the other, and refused where too much of it waits.
import { AppError } from "../../core/errors.ts";

/** Makes a function that runs `action` once at a time. It throws AppError `overloaded` where `most` are under way. */
export function oneAtATime<Args extends unknown[], T>(
  action: (...args: Args) => Promise<T>,
  { most, what }: { readonly most: number; readonly what: string },
): (...args: Args) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  let underWay = 0;
  return (...args) => {
    if (underWay >= most) {
      return Promise.reject(new AppError("overloaded", `${underWay} ${what} already. Try again in a moment.`));
    }
    underWay++;
    const own = last.then(() => action(...args));
    last = own.catch(() => {});
    return own.finally(() => underWay--);
  };
}
