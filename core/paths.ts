// Paths of the package's own files, whether it runs from TypeScript sources or from dist/.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The folder of moco-search's package.json: `models/` and `samples/` are in it. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}

/**
 * The module `name` beside the module at `importMetaUrl`, as a file URL with the same ending (.ts from sources, .js
 * from dist/): what `fork` and `new Worker` need.
 */
export function siblingModule(importMetaUrl: string, name: string): URL {
  const here = fileURLToPath(importMetaUrl);
  return pathToFileURL(join(dirname(here), `${name}${here.endsWith(".ts") ? ".ts" : ".js"}`));
}
