// Reads the sample images.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ImageFile } from "../client.ts";

/** An image and the folder that it is in. */
export interface Sample extends ImageFile {
  readonly label: string;
}

/** Every image below `samples/<part>/<label>/`, ordered by name. */
export async function readSamples(samples: string, part: "collection" | "queries"): Promise<Sample[]> {
  const entries = await readdir(join(samples, part), { recursive: true });
  const names = entries.filter((name) => name.endsWith(".png")).sort();
  return Promise.all(
    names.map(async (name) => {
      const [label] = name.split(/[\\/]/) as [string];
      return { name, label, bytes: await readFile(join(samples, part, name)) };
    }),
  );
}

/** Items by their label. */
export function groupByLabel<T extends { readonly label: string }>(items: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(item.label, [...(groups.get(item.label) ?? []), item]);
  return groups;
}
