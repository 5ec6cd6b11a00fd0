// The shape that a request names, by points or by a mask.
import { AppError } from "../../../core/errors.ts";
import { decodeMask } from "../../../core/mask.ts";
import type { Clicks, Point, Shape } from "../../domain/shape.ts";

/** How a request names a part of an image; the fields of its schema. */
export interface NamedPart {
  readonly region?: unknown;
  readonly point?: Point | readonly Point[] | undefined;
  readonly outside?: readonly Point[] | undefined;
  readonly mask?: string | undefined;
}

/** Points on the thing, however many were sent, and points beside it. */
export const clicksOf = (point: Point | readonly Point[], outside: readonly Point[] = []): Clicks => ({
  inside: "x" in point ? [point] : point,
  outside,
});

/**
 * The shape of a request; undefined where it names none.
 *
 * @throws AppError `invalid_request` for more than one part, `outside` without `point`, or a mask that cannot be used.
 */
export async function shapeOf(part: NamedPart): Promise<Shape | undefined> {
  const { point, outside, mask } = part;
  const given = (["region", "point", "mask"] as const).filter((name) => part[name] !== undefined);
  if (given.length > 1) {
    throw new AppError(
      "invalid_request",
      `Expected one of region, point and mask but received ${given.join(" and ")}.`,
    );
  }
  if (outside && !point) throw new AppError("invalid_request", "Expected `point` beside `outside` but received none.");
  if (point) return clicksOf(point, outside);
  return mask === undefined ? undefined : decodeMask(Buffer.from(mask, "base64"));
}
