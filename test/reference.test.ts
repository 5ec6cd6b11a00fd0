import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as client from "../client/index.ts";
import { packageRoot } from "../core/paths.ts";
import * as server from "../server/index.ts";
import * as training from "../training/index.ts";

describe("docs/reference.md", () => {
  it("tells of everything that the doors export (scripts/reference.sh makes it)", async () => {
    const text = (await readFile(join(packageRoot(), "docs", "reference.md"), "utf8")).replaceAll("\\_", "_");
    const [, ofServer = "", ofClient = "", ofTraining = ""] = text.split(/^# moco-search\/\w+$/m);
    for (const [part, door] of [
      [ofServer, server],
      [ofClient, client],
      [ofTraining, training],
    ] as const) {
      for (const name of Object.keys(door))
        assert.ok(new RegExp(`^### ${name}(\\(\\))?$`, "m").test(part), `${name} is missing`);
    }
  });
});
