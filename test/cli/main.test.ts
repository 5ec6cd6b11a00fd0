import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { siblingModule } from "../../core/paths.ts";
import { SMALL_YOUNG_HEAP } from "../../core/processes.ts";
import { runCli } from "../../support/run-cli.ts";

/** Prints the CommonJS modules that were loaded, which all of the heavy libraries are. */
const PRINT_LOADED = `import { createRequire } from "node:module";
process.on("exit", () => console.log("\\n" + JSON.stringify(Object.keys(createRequire("/").cache))));`;

describe("moco-search", () => {
  it("starts with a small heap for young objects, as its trainings beside a server do", async () => {
    const source = await readFile(siblingModule(import.meta.url, "../../cli/main"), "utf8");
    assert.equal(source.split("\n")[0], `#!/usr/bin/env -S node ${SMALL_YOUNG_HEAP}`);
  });

  it("loads no command that was not asked for", async () => {
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(PRINT_LOADED)}` };
    const loadedBy = async (...args: string[]): Promise<string[]> => {
      const { stdout } = await runCli(args, { env });
      return JSON.parse(stdout.trim().split("\n").at(-1)!);
    };
    const isHeavy = (path: string) => /onnxruntime|better-sqlite3|express|sharp/.test(path);
    assert.deepEqual((await loadedBy("--version")).filter(isHeavy), []);
    assert.deepEqual((await loadedBy("--help")).filter(isHeavy), []);
    assert.deepEqual((await loadedBy("rollback", "--help")).filter(isHeavy), []);
    assert.ok((await loadedBy("serve", "--help")).some(isHeavy));
  });

  it("names every command in its help, and each command's options in the command's", async () => {
    const { stdout } = await runCli(["--help"]);
    for (const name of ["demo", "train", "serve", "index", "search", "activate"]) {
      assert.match(stdout, new RegExp(`^  ${name}\\b.* {2}\\w`, "m"));
    }
    for (const args of [
      ["help", "rollback"],
      ["rollback", "--help"],
    ]) {
      assert.match((await runCli(args)).stdout, /--server <url>/, args.join(" "));
    }
    assert.match((await runCli(["serach"])).stderr, /Did you mean search/);
  });
});
