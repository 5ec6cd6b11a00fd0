// What the user has chosen to narrow the collection with, as the server's filter.
import type { Filter } from "../../client/index.ts";

type Value = string | number | boolean;

/** Each field must have one of its values; the image was added from one day to another, both included. */
export interface Choices {
  readonly values: ReadonlyMap<string, readonly Value[]>;
  /** Days such as 2026-11-26, in the reader's time zone. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** The server's name for when an image was added. */
const ADDED = "$createdAt";

/** A time so many days later, also where one of them has 23 hours. */
function daysLater(time: Date, days: number): Date {
  const later = new Date(time);
  later.setDate(later.getDate() + days);
  return later;
}

export function filterOf({ values, from, to }: Choices): Filter | undefined {
  const conditions: Filter[] = [...values].map(([field, list]) => ({ field, in: [...list] }));
  const at = (day: string, later = 0) => daysLater(new Date(`${day}T00:00`), later).toISOString();
  if (from) conditions.push({ field: ADDED, gte: at(from) });
  if (to) conditions.push({ field: ADDED, lt: at(to, 1) });
  return conditions.length > 0 ? { and: conditions } : undefined;
}

/** The choices that {@link filterOf} made a filter of. */
export function choicesOf(filter: Filter | undefined): Choices {
  const conditions = filter && "and" in filter ? filter.and : [];
  const values = new Map<string, readonly Value[]>();
  let days: Pick<Choices, "from" | "to"> = {};
  const dayOf = (time: unknown, later = 0) => daysLater(new Date(String(time)), later).toLocaleDateString("sv");
  for (const condition of conditions) {
    if (!("field" in condition)) continue;
    if (condition.in) values.set(condition.field, condition.in as Value[]);
    if (condition.gte !== undefined) days = { ...days, from: dayOf(condition.gte) };
    if (condition.lt !== undefined) days = { ...days, to: dayOf(condition.lt, -1) };
  }
  return { values, ...days };
}

/** The choices with a value of a field taken or given back. */
export function toggled(choices: Choices, field: string, value: Value): Choices {
  const values = new Map(choices.values);
  const before = values.get(field) ?? [];
  const after = before.includes(value) ? before.filter((one) => one !== value) : [...before, value];
  if (after.length > 0) values.set(field, after);
  else values.delete(field);
  return { ...choices, values };
}
