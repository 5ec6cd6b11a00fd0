import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describeFailure } from "../../cli/failure.ts";
import { AppError } from "../../core/errors.ts";

describe("what the command line says where it fails", () => {
  it("is the sentence and the code of a failure that the user can mend", () => {
    assert.equal(describeFailure(new AppError("not_ready", "Wait.")), "moco-search: Wait. (not_ready)");
  });

  it("names the path that cannot be used", async () => {
    const error = await readFile("/nowhere/a.png").catch((reason: unknown) => reason);
    assert.match(describeFailure(error), /ENOENT.*\/nowhere\/a\.png.*Check the path\.$/);
  });

  it("names the native module of another Node, and how to build it again", () => {
    const message =
      "The module '/x/node_modules/better-sqlite3/build/Release/better_sqlite3.node' was compiled against a different Node.js version using NODE_MODULE_VERSION 127.";
    const text = describeFailure(Object.assign(new Error(message), { code: "ERR_DLOPEN_FAILED" }));
    assert.match(text, /^moco-search: better-sqlite3 cannot be loaded by Node v\d.*npm rebuild$/);
  });

  it("shows where a defect happened", () => {
    assert.match(describeFailure(new TypeError("x is undefined")), /should not have happened[\s\S]*failure\.test\.ts/);
  });
});
