// Some images of each class are held back from training, to measure on.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** Where the two parts are: folders of folders named by class. */
export interface Parts {
  readonly train: string;
  readonly held: string;
}

/**
 * Unpacks an archive of `…/<class>/<image>` into `folder`: the last `perClass` images of each class by name to `held/`,
 * the others to `train/`. Where that was done before, it is not done again.
 */
export async function holdBack(archive: string, folder: string, perClass: number): Promise<Parts> {
  const parts = { train: join(folder, "train"), held: join(folder, "held") };
  if (existsSync(parts.held)) return parts;
  const [unpacked, held] = [join(folder, "unpacked"), join(folder, "held-unfinished")];
  for (const leftover of [unpacked, held, parts.train]) await rm(leftover, { recursive: true, force: true });
  await mkdir(unpacked, { recursive: true });
  await promisify(execFile)("tar", ["-xf", archive, "-C", unpacked]);
  for (const entry of await readdir(unpacked, { recursive: true, withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const from = join(entry.parentPath, entry.name);
    const images = (await readdir(from, { withFileTypes: true })).filter((file) => file.isFile());
    const names = images.map(({ name }) => name).sort((a, b) => (a < b ? -1 : 1));
    for (const [i, name] of names.entries()) {
      const to = join(i < names.length - perClass ? parts.train : held, entry.name);
      await mkdir(to, { recursive: true });
      await rename(join(from, name), join(to, name));
    }
  }
  await rm(unpacked, { recursive: true });
  await rename(held, parts.held);
  return parts;
}
