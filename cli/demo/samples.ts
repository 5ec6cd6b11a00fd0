// Reads the sample images: from a folder, or from the archive that the package carries.
import { createReadStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";
import { packageRoot } from "../../core/paths.ts";

/** An image and the folder that it is in. */
export interface Sample {
  /** Path below its part. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly label: string;
}

/** `collection` is to be stored and trained on, `queries` to search with. */
export type Part = "collection" | "queries";

/** Where the package's own samples are. */
export const SAMPLES = join(packageRoot(), "samples", "fashion-mnist.tar.gz");

const isArchive = (samples: string) => samples.endsWith(".tar.gz");

/** What `train` calls one part of a folder or archive of samples. */
export const sourceOf = (part: Part, samples: string): string =>
  isArchive(samples) ? `${samples}#${part}` : join(samples, part);

/**
 * Every image below `<part>/<label>/`, ordered by name.
 *
 * @param samples A folder or a .tar.gz archive. Default: the package's own.
 */
export async function readSamples(part: Part, samples = SAMPLES): Promise<Sample[]> {
  const files = isArchive(samples) ? await readArchive(samples, part) : await readFolder(join(samples, part));
  return files
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((file) => ({ ...file, label: file.name.split(/[\\/]/)[0]! }));
}

async function readFolder(folder: string): Promise<Omit<Sample, "label">[]> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".png"));
  return Promise.all(names.map(async (name) => ({ name, bytes: await readFile(join(folder, name)) })));
}

async function readArchive(path: string, part: Part): Promise<Omit<Sample, "label">[]> {
  const archive = extract();
  const fed = pipeline(createReadStream(path), createGunzip(), archive);
  const files: Omit<Sample, "label">[] = [];
  for await (const entry of archive) {
    const bytes = await buffer(entry);
    if (entry.header.name.startsWith(`${part}/`)) files.push({ name: entry.header.name.slice(part.length + 1), bytes });
  }
  await fed;
  return files;
}

/** Items by their label. */
export function groupByLabel<T extends { readonly label: string }>(items: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(item.label, [...(groups.get(item.label) ?? []), item]);
  return groups;
}
