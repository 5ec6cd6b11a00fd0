import assert from "node:assert/strict";
import { appendFile, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openCourse } from "../../../server/trainings/course.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

describe("the course of a training", () => {
  let folder: string;
  let remove: () => Promise<void>;
  const log = () => join(folder, "metrics.jsonl");
  const step = (n: number, more: object = {}) => {
    const metrics = { loss: 2, accuracy: 0.5, imagesPerSecond: 100, seconds: n / 10, learningRate: 1, ...more };
    return `${JSON.stringify({ kind: "step", step: n, ...metrics })}\n`;
  };
  const epoch = (message: string, knn?: number) =>
    `${JSON.stringify({ kind: "epoch", step: 2, knn, verdict: { state: "learning", message } })}\n`;

  beforeEach(async () => {
    ({ folder, remove } = await temporaryFolder());
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "config.json"), '{"batch":10}');
  });
  afterEach(() => remove());

  it("is empty without a log", async () => {
    assert.deepEqual(await openCourse(folder, 1).read(), { course: { curve: [] }, writtenAt: 0 });
  });

  it("is read on from where it was read last, in whole lines, whatever else the log says", async () => {
    const course = openCourse(folder, 1);
    const read = async () => (await course.read()).course;
    const first = epoch("loss 2 → 1", 0.25);
    const cut = Buffer.from(first).indexOf("→") + 1; // within a letter
    await writeFile(log(), step(1) + step(2));
    await appendFile(log(), Buffer.from(first).subarray(0, cut));
    // Without a number of steps the minutes say how far it is.
    assert.deepEqual((await read()).progress, {
      fraction: 0.2 / 60,
      imagesSeen: 20,
      imagesPerSecond: 100,
      secondsLeft: 59.8,
    });
    assert.equal((await read()).verdict, undefined);
    await appendFile(log(), Buffer.from(first).subarray(cut));
    await appendFile(log(), `{"kind":"of a later version"}\n"damaged\n${step(3, { totalSteps: 8 })}`);
    const { progress, verdict, curve } = await read();
    assert.deepEqual(progress, { fraction: 3 / 8, imagesSeen: 30, imagesPerSecond: 100, secondsLeft: 0.5 });
    assert.deepEqual(verdict, { state: "learning", message: "loss 2 → 1" });
    assert.deepEqual(
      curve.map(({ imagesSeen, knn }) => [imagesSeen, knn]),
      [
        [10, undefined],
        [20, 0.25],
        [30, undefined],
      ],
    );
  });

  it("begins anew where a run that was resumed has replaced its log, and reads any number of lines", async () => {
    const course = openCourse(folder, 1);
    const lines = Array.from({ length: 2000 }, (_, i) => step(i + 1));
    await writeFile(log(), lines.join(""));
    assert.equal((await course.read()).course.progress!.imagesSeen, 20_000);
    await writeFile(`${log()}.tmp`, lines.slice(0, 500).join("") + step(501, { loss: 7 }));
    await rename(`${log()}.tmp`, log());
    const [now, same] = (await Promise.all([course.read(), course.read()])).map(({ course }) => course);
    assert.deepEqual(now, same);
    assert.deepEqual([now!.progress!.imagesSeen, now!.curve.at(-1)!.imagesSeen], [5010, 5010]);
  });
});
