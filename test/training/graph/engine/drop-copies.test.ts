import assert from "node:assert/strict";
import { createDropper } from "../../../../training/graph/engine/drop-copies.ts";

describe("graph/engine/drop-copies", () => {
  it("frees copies at once", () => {
    const copies = [new Float32Array(4), new Float32Array(1e6)];
    createDropper()(copies.map(({ buffer }) => buffer));
    assert.deepEqual(
      copies.map(({ length }) => length),
      [0, 0],
    );
  });

  it("keeps their memory for the next step", function () {
    const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
    if (!header.glibcVersionRuntime) this.skip(); // other C libraries keep memory by rules of their own
    const drop = createDropper();
    const [count, bytes] = [8, 2 ** 23]; // 16,384 pages
    const faults: number[] = [];
    for (let step = 0; step < 6; step++) {
      const before = process.resourceUsage().minorPageFault;
      const copies = Array.from({ length: count }, () => new Uint8Array(bytes).fill(1));
      faults.push(process.resourceUsage().minorPageFault - before);
      drop(copies.map(({ buffer }) => buffer));
    }
    for (const of of faults.slice(3)) assert.ok(of < (count * bytes) / 4096 / 8, `pages that came anew: ${faults}`);
  });
});
