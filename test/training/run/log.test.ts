import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readRunLog } from "../../../training/run/log.ts";
import { withFolder } from "../data/fixtures.ts";

describe("the log of a run", () => {
  it("is read without a last line that was cut short", () =>
    withFolder(async (folder) => {
      const path = join(folder, "metrics.jsonl");
      assert.deepEqual(await readRunLog(path), []);
      await writeFile(path, '{"kind":"step","step":1}\n\n{"kind":"step","step":2}\n{"kind":"st');
      assert.deepEqual(
        (await readRunLog(path)).map(({ step }) => step),
        [1, 2],
      );
    }));

  it("names a line that is damaged", () =>
    withFolder(async (folder) => {
      const path = join(folder, "metrics.jsonl");
      await writeFile(path, '{"kind":"step","step":1}\n{"kind":\u0000\u0000\n{"kind":"step","step":3}\n');
      await assert.rejects(readRunLog(path), { code: "invalid_checkpoint", message: /metrics\.jsonl:2/ });
    }));
});
