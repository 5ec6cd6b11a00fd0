// Colours by a field of the metadata: one for each of its most frequent values.
import { MOST_GROUPS } from "./colours.ts";

/** A field by whose values points are coloured: the values with colours of their own, the most frequent first. */
export interface Groups {
  readonly field: string;
  readonly values: readonly string[];
  readonly hasOthers: boolean;
}

type WithMetadata = { readonly metadata: Readonly<Record<string, unknown>> };

/** Fields that group the points: some value is shared by many. The first is the most useful one. */
export function groupingFields(points: readonly WithMetadata[]): Groups[] {
  const fields = new Map<string, Map<string, number>>();
  for (const { metadata } of points) {
    for (const [field, value] of Object.entries(metadata)) {
      if (typeof value === "object") continue;
      const counts = fields.get(field) ?? new Map<string, number>();
      counts.set(String(value), (counts.get(String(value)) ?? 0) + 1);
      fields.set(field, counts);
    }
  }
  return [...fields]
    .filter(([, counts]) => counts.size >= 2 && counts.size <= points.length / 3)
    .sort(([a, left], [b, right]) => Number(b === "label") - Number(a === "label") || left.size - right.size)
    .map(([field, counts]) => {
      const values = [...counts].sort(([, a], [, b]) => b - a).map(([value]) => value);
      return { field, values: values.slice(0, MOST_GROUPS).sort(), hasOthers: values.length > MOST_GROUPS };
    });
}

/** Number of a point's colour in the palette. */
export function colourNumber({ metadata }: WithMetadata, groups: Groups | undefined): number {
  return groups ? groups.values.indexOf(String(metadata[groups.field])) + 1 : 0;
}
