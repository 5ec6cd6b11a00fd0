import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { packageRoot } from "../core/paths.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const run = promisify(execFile);

/** Runs an example as the installed package's: what its doors lead to is compiled with these tests. */
async function example(name: string, args: readonly string[]): Promise<string[]> {
  const { folder, remove } = await temporaryFolder();
  try {
    const installed = join(folder, "node_modules", "moco-search");
    await mkdir(installed, { recursive: true });
    await copyFile(join(packageRoot(), "package.json"), join(installed, "package.json"));
    await symlink(dirname(dirname(fileURLToPath(import.meta.url))), join(installed, "dist"));
    await copyFile(join(packageRoot(), "examples", name), join(folder, name.replace(/js$/, "mjs")));
    const { stdout } = await run(process.execPath, [name.replace(/js$/, "mjs"), "--quick", ...args], { cwd: folder });
    return stdout.trimEnd().split("\n");
  } finally {
    await remove();
  }
}

/** The rows of a table without its title: names, and numbers. */
const rows = ([, header = "", ...lines]: string[]) => ({
  columns: header.trim().split(/ {2,}/),
  names: lines.map((line) => line.slice(0, 18).trim()),
  numbers: lines.map((line) => line.slice(18).trim().split(/ +/).map(Number)),
});

describe("examples of other domains than photographs", () => {
  it("game-frames.js: what features know of the game, beside raw pixels and the untrained network", async () => {
    const { columns, names, numbers } = rows(await example("game-frames.js", []));
    assert.deepEqual(columns, ["ball x", "ball y", "paddle x"]);
    assert.deepEqual(names, ["raw pixels", "untrained network", "MoCo"]);
    assert.ok(
      numbers.every((row) => row.length === 3 && row.every((r2) => r2 <= 1)),
      `${numbers}`,
    );
    assert.ok(numbers[0]![2]! > 0.3, "pixels tell where the paddle is");
  });

  it("text-spans.js: documents found by a span, beside BM25", async () => {
    const { columns, names, numbers } = rows(await example("text-spans.js", [join(packageRoot(), "docs")]));
    assert.deepEqual(columns, ["recall@1", "recall@10"]);
    assert.deepEqual(names, ["BM25", "bags of words", "untrained network", "MoCo"]);
    for (const [one, ten] of numbers) assert.ok(one! >= 0 && one! <= ten! && ten! <= 1, `${one} and ${ten}`);
    assert.ok(numbers[0]![1]! > 0.4, "BM25 finds more than chance, 0.1");
  });
});
