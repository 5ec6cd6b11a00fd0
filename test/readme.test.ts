import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "../core/paths.ts";

describe("README.md", () => {
  it("links to what is there and travels with the package", async () => {
    const text = await readFile(join(packageRoot(), "README.md"), "utf8");
    const { files } = JSON.parse(await readFile(join(packageRoot(), "package.json"), "utf8")) as { files: string[] };
    const links = [...text.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, link]) => link!);
    const own = links.filter((link) => !/^https?:/.test(link));
    assert.ok(own.length > 5);
    for (const link of own) {
      assert.ok(existsSync(join(packageRoot(), link)), `${link} is not there`);
      assert.ok(
        files.some((file) => link === file || link.startsWith(`${file}/`)),
        `${link} is not in the package`,
      );
    }
  });
});
