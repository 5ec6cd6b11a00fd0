import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { asWriteFailure, replaceFile, temporaryName } from "../../core/files.ts";
import { withFolder, writeFiles } from "../training/data/fixtures.ts";

describe("replaceFile", () => {
  it("writes a new file, with its folder, and replaces an old one, and leaves nothing else", () =>
    withFolder(async (folder) => {
      const path = join(folder, "a/b/file.txt");
      await replaceFile(path, "first, and longer");
      assert.equal(await readFile(path, "utf8"), "first, and longer");
      await replaceFile(path, Buffer.from("second"));
      assert.equal(await readFile(path, "utf8"), "second");
      assert.deepEqual(await readdir(join(folder, "a/b")), ["file.txt"]);
    }));

  it("keeps the old file and removes the temporary one where it fails", () =>
    withFolder(async (folder) => {
      await writeFiles(folder, { "taken/inside.txt": Buffer.from("old") });
      await assert.rejects(replaceFile(join(folder, "taken"), "new"));
      assert.deepEqual(await readdir(folder), ["taken"]);
      assert.equal(await readFile(join(folder, "taken/inside.txt"), "utf8"), "old");
    }));

  it("never shows a reader a part of a file", () =>
    withFolder(async (folder) => {
      const path = join(folder, "file");
      const versions = ["a", "b"].map((letter) => letter.repeat(300_000));
      await replaceFile(path, versions[0]!);
      const writing = (async () => {
        for (let i = 0; i < 20; i++) await replaceFile(path, versions[i % 2]!);
      })();
      for (let i = 0; i < 40; i++) assert.ok(versions.includes(await readFile(path, "utf8")));
      await writing;
    }));
});

describe("temporaryName", () => {
  it("is another each time, beside the file, and ends in .tmp", () => {
    assert.match(temporaryName("/x/file.bin"), /^\/x\/file\.bin\.[0-9a-f]{12}\.tmp$/);
    assert.notEqual(temporaryName("a"), temporaryName("a"));
  });
});

describe("asWriteFailure", () => {
  const failureOf = async (path: string) => {
    const error = await writeFile(path, "x").then(
      () => undefined,
      (e: unknown) => e,
    );
    return asWriteFailure(error, "the run", "Choose another folder.") as { code?: string; message?: string };
  };

  it("a full disk is storage_full", async () => {
    if (!existsSync("/dev/full")) return;
    const { code, message } = await failureOf("/dev/full");
    assert.equal(code, "storage_full");
    assert.match(message!, /room for the run but the disk is full.*Choose another folder/);
  });

  it("a place that cannot be written is invalid_configuration; other failures stay", async () => {
    assert.equal((await failureOf(join(import.meta.filename, "x"))).code, "invalid_configuration");
    const other = new TypeError("a defect");
    assert.equal(asWriteFailure(other, "the run", ""), other);
  });
});
