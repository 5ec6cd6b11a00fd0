import assert from "node:assert/strict";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { tinyTraining, writePictures } from "../../../support/tiny-training.ts";
import { ablate, type Outcome } from "../../../training/ablate/ablate.ts";
import { ablationPage, ablationTable } from "../../../training/ablate/page.ts";
import { ABLATIONS, variantsOf } from "../../../training/ablate/variants.ts";

const outcome = (more: Partial<Outcome>): Outcome => ({
  ablation: "mechanism",
  series: "moco",
  value: 16,
  loss: 2.5,
  contrastiveAccuracy: 0.25,
  evaluationAccuracy: 0.2,
  knn: 0.5,
  imagesPerSecond: 100,
  verdict: "Learning.",
  ...more,
});

describe("ablate", () => {
  it("varies mechanism and queue size, key momentum, and shuffling", () => {
    const variants = variantsOf(ABLATIONS, { batch: 128, queue: 4096 });
    const of = (ablation: string) => variants.filter((variant) => variant.ablation === ablation);
    assert.deepEqual(
      of("mechanism").map(({ series, value }) => `${series} ${value}`),
      [
        "moco 256",
        "moco 1024",
        "moco 4096",
        "memory-bank 256",
        "memory-bank 1024",
        "memory-bank 4096",
        "end-to-end 127",
      ],
    );
    assert.deepEqual(
      of("key-momentum").map(({ settings }) => settings.keyMomentum),
      [0, 0.9, 0.99, 0.999],
    );
    assert.deepEqual(
      of("shuffle").map(({ settings }) => settings.shuffle),
      [true, false],
    );
    assert.equal(variantsOf(["mechanism"], { batch: 32, queue: 32 }).length, 3);
  });

  it("trains and measures every mechanism", async () => {
    const { folder, remove } = await temporaryFolder();
    try {
      await writePictures(folder);
      const { images, config, cacheFolder } = tinyTraining(folder);
      const outcomes = await ablate({
        ...{ images, config: { ...config!, queue: 8, temperature: 0.2 }, cacheFolder: cacheFolder! },
        ablations: ["mechanism"],
        budget: { epochs: 1 },
        threads: 1,
      });
      assert.deepEqual(
        outcomes.map(({ series }) => series),
        ["moco", "memory-bank", "end-to-end"],
      );
      for (const { loss, knn, evaluationAccuracy, verdict } of outcomes) {
        assert.ok(loss > 0 && loss < 6 && knn! >= 0 && knn! <= 1 && evaluationAccuracy >= 0 && verdict.length > 10);
      }
    } finally {
      await remove();
    }
  });

  it("tells them in a table and in charts", async () => {
    const outcomes = [
      outcome({}),
      outcome({ value: 64, knn: 0.6 }),
      outcome({ series: "memory-bank", knn: undefined }),
      outcome({ ablation: "shuffle", value: "off" }),
    ];
    const lines = ablationTable(outcomes).split("\n");
    assert.equal(lines.length, 6);
    assert.match(lines[2]!, /\| mechanism \| moco +\| 16 +\| 50.0 % +\| 25.0 % +\| 20.0 %/);
    assert.match(lines[4]!, /\| — /);
    assert.equal(new Set(lines.map((line) => line.length)).size, 1);
    const page = await ablationPage(outcomes);
    assert.equal(page.match(/<svg/g)?.length, 1);
    assert.match(page, /memory-bank.*<td>off<\/td>/s);
  });
});
