// Runs where moco-search is installed. npm runs every package's preinstall before any install or postinstall, so this
// is where two dependencies are told to fetch nothing from outside the registry (docs/decisions/0008-installing.md).
import { closeSync, existsSync, openSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);

/** The folder of a dependency; undefined in a clone, where it is not there yet. */
function folderOf(name) {
  try {
    return dirname(require.resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

/**
 * onnxruntime-node has its CPU and WebGPU libraries in the package and downloads those for CUDA, 300 MB, where they are
 * missing. Empty files in their places are not missing. ONNXRUNTIME_NODE_INSTALL=cuda12 downloads them still.
 */
function wantNoCuda(folder) {
  const { requirements, manifests } = require(join(folder, "script/install-metadata.js"));
  const platform = `${process.platform}/${process.arch}`;
  for (const name of requirements[platform] ?? []) {
    for (const file of Object.keys(manifests[`${platform}:${name}`])) {
      const path = join(folder, "bin/napi-v6", platform, file);
      if (!existsSync(path)) closeSync(openSync(path, "w"));
    }
  }
}

/** better-sqlite3 asks GitHub for a binary before it compiles; hnswlib-node needs the compiler in any case. */
function compile(folder) {
  writeFileSync(join(folder, ".prebuild-installrc"), JSON.stringify({ buildFromSource: true }));
}

try {
  const onnxruntime = folderOf("onnxruntime-node");
  if (onnxruntime) wantNoCuda(onnxruntime);
  const sqlite = folderOf("better-sqlite3");
  if (sqlite) compile(sqlite);
} catch (error) {
  // Not worth failing for: then they download what they like.
  console.error("moco-search: could not keep its dependencies from downloading:", error);
}
