import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdir, readFile, rm, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { siblingModule } from "../../../core/paths.ts";
import { loaderFlags } from "../../../core/processes.ts";
import { type Dataset, type DatasetOptions, openDataset } from "../../../training/data/dataset.ts";
import { idx, png, tar, withFolder, writeFiles } from "./fixtures.ts";

const SHAPE = { width: 2, height: 2, fit: "fill" } as const;

/** Opens sources of `folder` with the cache beside them, looks at the data set and closes it. */
async function look<T>(
  folder: string,
  sources: string[],
  see: (dataset: Dataset) => T | Promise<T>,
  options: DatasetOptions = {},
): Promise<T> {
  const paths = sources.map((source) => join(folder, source));
  const dataset = await openDataset(paths, SHAPE, { cacheFolder: join(folder, "cache"), ...options });
  try {
    return await see(dataset);
  } finally {
    await dataset.close();
  }
}

const firstPixels = async (dataset: Dataset) => {
  const out = new Uint8Array(dataset.count * 12);
  await dataset.read(
    Array.from({ length: dataset.count }, (_, i) => i),
    out,
  );
  return Array.from({ length: dataset.count }, (_, i) => [...out.subarray(i * 12, i * 12 + 3)]);
};

/** How often the sources are decoded: `true` where opening had to decode. */
const decodes = async (folder: string, sources: string[]) => {
  let decoded = false;
  await look(folder, sources, () => {}, {
    onProgress: () => {
      decoded = true;
    },
  });
  return decoded;
};

describe("openDataset", () => {
  it("finds the images of a folder in the order of their paths, with labels and original sizes", () =>
    withFolder(async (folder) => {
      await writeFiles(folder, {
        "images/b/2.PNG": await png(0, 0, 255, 8, 6),
        "images/a/deep/1.png": await png(255, 0, 0),
        "images/a/3.png": await png(0, 255, 0),
        "images/a/notes.txt": Buffer.from("no image"),
        "images/a/._3.png": Buffer.from("hidden"),
        "images/.thumbnails/3.png": Buffer.from("hidden"),
      });
      await look(folder, ["images"], async (dataset) => {
        assert.deepEqual(dataset.names, ["a/3.png", "a/deep/1.png", "b/2.PNG"]);
        assert.deepEqual(dataset.labels, ["a", "deep", "b"]);
        assert.deepEqual(await firstPixels(dataset), [
          [0, 255, 0],
          [255, 0, 0],
          [0, 0, 255],
        ]);
        assert.deepEqual([...dataset.originalWidths], [4, 4, 8]);
        assert.deepEqual([...dataset.originalHeights], [4, 4, 6]);
        assert.deepEqual([dataset.count, dataset.width, dataset.height], [3, 2, 2]);
      });
    }));

  it("has no labels where an image has none", () =>
    withFolder(async (folder) => {
      await writeFiles(folder, { "images/1.png": await png(1, 1, 1), "images/a/2.png": await png(2, 2, 2) });
      assert.equal(await look(folder, ["images"], (dataset) => dataset.labels), undefined);
    }));

  it("follows links, every folder once, and lists links that lead nowhere", () =>
    withFolder(async (folder) => {
      await writeFiles(folder, { "images/a/1.png": await png(1, 1, 1), "elsewhere/2.png": await png(2, 2, 2) });
      await symlink(join(folder, "images"), join(folder, "images/a/loop"));
      await symlink(join(folder, "elsewhere"), join(folder, "images/b"));
      await symlink(join(folder, "elsewhere"), join(folder, "images/c"));
      await symlink(join(folder, "nowhere.png"), join(folder, "images/dangling.png"));
      await symlink(join(folder, "images/self.png"), join(folder, "images/self.png"));
      await look(folder, ["images"], (dataset) => {
        assert.deepEqual(dataset.names, ["a/1.png", "b/2.png"]);
        assert.deepEqual(
          dataset.corrupt.map((image) => image.name),
          ["dangling.png", "self.png"],
        );
      });
    }));

  it("skips corrupt files and says which and why", () =>
    withFolder(async (folder) => {
      const whole = await png(9, 9, 9, 64, 64);
      await writeFiles(folder, {
        "images/empty.png": Buffer.alloc(0),
        "images/good.png": whole,
        "images/short.png": whole.subarray(0, whole.length - 20),
        "images/text.jpg": Buffer.from("this is no image at all"),
      });
      await look(folder, ["images"], async (dataset) => {
        assert.deepEqual(dataset.names, ["good.png"]);
        assert.deepEqual(await firstPixels(dataset), [[9, 9, 9]]);
        assert.deepEqual(
          dataset.corrupt.map((image) => image.name),
          ["empty.png", "short.png", "text.jpg"],
        );
        for (const { reason } of dataset.corrupt) assert.match(reason, /^Expected/);
      });
    }));

  it("reads a folder inside an archive", () =>
    withFolder(async (folder) => {
      const one = await png(1, 1, 1);
      const files = {
        "./set/train/cat/1.png": one,
        "set/train/dog/2.png": one,
        "set/trainer/3.png": one,
        "set/test/cat/4.png": one,
      };
      await writeFiles(folder, { "x.tar": await tar(files), "odd#name.tar": await tar({ "1.png": one }) });
      await look(folder, ["x.tar#set/train"], ({ names, labels }) => {
        assert.deepEqual(names, ["cat/1.png", "dog/2.png"]);
        assert.deepEqual(labels, ["cat", "dog"]);
      });
      await look(folder, ["x.tar#set/test/"], ({ names }) => assert.deepEqual(names, ["cat/4.png"]));
      await look(folder, ["odd#name.tar"], ({ names }) => assert.deepEqual(names, ["1.png"]));
      await assert.rejects(
        look(folder, ["x.tar#nothing"], () => {}),
        /there are none/,
      );
      await assert.rejects(
        look(folder, ["missing.tar#set"], () => {}),
        /there is nothing/,
      );
    }));

  it("reads tar archives, plain and gzipped", () =>
    withFolder(async (folder) => {
      const archive = await tar({
        "./train/b/1.png": await png(5, 0, 0),
        "train/a/2.png": await png(6, 0, 0),
        "train/a/._2.png": Buffer.from("hidden"),
        "train/a/broken.png": Buffer.from("not a picture"),
        "readme.txt": Buffer.from("text"),
      });
      await writeFiles(folder, { "x.tar": archive, "x.tar.gz": gzipSync(archive), "x.tgz": gzipSync(archive) });
      for (const name of ["x.tar", "x.tar.gz", "x.tgz"]) {
        await look(folder, [name], async (dataset) => {
          assert.deepEqual(dataset.names, ["train/b/1.png", "train/a/2.png"]);
          assert.deepEqual(dataset.labels, ["b", "a"]);
          assert.deepEqual(await firstPixels(dataset), [
            [5, 0, 0],
            [6, 0, 0],
          ]);
          assert.deepEqual(
            dataset.corrupt.map((image) => image.name),
            ["train/a/broken.png"],
          );
        });
      }
    }));

  it("reads idx files with the labels beside them", () =>
    withFolder(async (folder) => {
      await writeFiles(folder, {
        "train-images-idx3-ubyte.gz": gzipSync(idx([2, 2, 3], [10, 10, 10, 10, 10, 10, 20, 20, 20, 20, 20, 20])),
        "train-labels-idx1-ubyte.gz": gzipSync(idx([2], [3, 9])),
        "colour.idx": idx([1, 1, 1, 3], [1, 2, 3]),
      });
      await look(folder, ["train-images-idx3-ubyte.gz"], async (dataset) => {
        assert.deepEqual(dataset.names, ["000000", "000001"]);
        assert.deepEqual(dataset.labels, ["3", "9"]);
        assert.deepEqual(await firstPixels(dataset), [
          [10, 10, 10],
          [20, 20, 20],
        ]);
        assert.deepEqual([dataset.originalWidths[0], dataset.originalHeights[0]], [3, 2]);
      });
      await look(folder, ["colour.idx"], async (dataset) => {
        assert.equal(dataset.labels, undefined);
        assert.deepEqual(await firstPixels(dataset), [[1, 2, 3]]);
      });
    }));

  it("joins several sources and begins names with theirs", () =>
    withFolder(async (folder) => {
      await writeFiles(folder, {
        "cats/1.png": await png(1, 1, 1),
        "dogs.tar.gz": gzipSync(await tar({ "1.png": await png(2, 2, 2) })),
        "3.png": await png(3, 3, 3),
      });
      await look(folder, ["dogs.tar.gz", "cats"], (dataset) => {
        assert.deepEqual(dataset.names, ["dogs/1.png", "cats/1.png"]);
        assert.deepEqual(dataset.labels, ["dogs", "cats"]);
      });
      await look(folder, ["cats", "3.png"], (dataset) => {
        assert.deepEqual(dataset.names, ["cats/1.png", "3.png"]);
        assert.equal(dataset.labels, undefined);
      });
    }));

  it("reads records by position, in any order and repeated", () =>
    withFolder(async (folder) => {
      for (let i = 0; i < 30; i++) {
        await writeFiles(folder, { [`images/${String(i).padStart(2, "0")}.png`]: await png(i, 0, 0) });
      }
      await look(folder, ["images"], async (dataset) => {
        const indices = [29, 3, 4, 5, 0, 0, 17];
        const out = new Uint8Array(indices.length * 12);
        await dataset.read(indices, out);
        assert.deepEqual(
          indices.map((_, i) => out[i * 12]),
          indices,
        );
        await assert.rejects(dataset.read([30], new Uint8Array(12)), RangeError);
        await assert.rejects(dataset.read([-1], new Uint8Array(12)), RangeError);
        await assert.rejects(dataset.read([1], new Uint8Array(11)), RangeError);
      });
    }));

  it("reports progress", () =>
    withFolder(async (folder) => {
      await writeFiles(folder, { "images/1.png": await png(1, 1, 1), "images/2.png": Buffer.from("broken") });
      const seen: unknown[] = [];
      await look(folder, ["images"], () => {}, { onProgress: (progress) => seen.push(progress) });
      assert.deepEqual(seen, [
        { done: 1, corrupt: 0, total: 2 },
        { done: 2, corrupt: 1, total: 2 },
      ]);
    }));

  for (const [name, sources, problem] of [
    ["a missing path", ["nowhere"], /there is nothing/],
    ["an empty folder", ["empty"], /there are none; 1 left out: 1 hidden\. Add images/],
    ["nothing that can be decoded", ["broken"], /none and 2 that cannot be decoded, such as 1\.png: Expected/],
    ["a file of another kind", ["notes.txt"], /none of these/],
    ["a truncated archive", ["short.tar"], /Expected a whole tar archive/],
    ["a truncated gzipped archive", ["short.tar.gz"], /Expected to read .*short\.tar\.gz to its end/],
    ["a file that only says it is an archive", ["text.tar"], /Expected a whole tar archive/],
    ["labels that are not as many as the images", ["a-images-idx3-ubyte"], /Expected 1 labels/],
    ["an idx file of labels", ["a-labels-idx1-ubyte"], /Expected images of/],
  ] as const) {
    it(`refuses ${name}`, () =>
      withFolder(async (folder) => {
        const archive = await tar({ "1.png": await png(1, 1, 1, 300, 300), "2.png": await png(2, 2, 2) });
        await writeFiles(folder, {
          "empty/.keep": Buffer.alloc(0),
          "broken/1.png": Buffer.from("broken"),
          "broken/2.png": Buffer.from("broken"),
          "notes.txt": Buffer.from("text"),
          "text.tar": Buffer.alloc(2000, "text"),
          "short.tar": archive.subarray(0, 700),
          "short.tar.gz": gzipSync(archive).subarray(0, -50),
          "a-images-idx3-ubyte": idx([1, 1, 1], [1]),
          "a-labels-idx1-ubyte": idx([2], [1, 2]),
        });
        await assert.rejects(
          look(folder, [...sources], () => {}),
          (error: Error & { code?: string }) => error.code === "invalid_dataset" && problem.test(error.message),
        );
      }));
  }

  it("refuses fewer images than it is told to expect", () =>
    withFolder(async (folder) => {
      await writeFiles(folder, { "images/1.png": await png(1, 1, 1) });
      await assert.rejects(
        look(folder, ["images"], () => {}, { atLeast: 2 }),
        {
          code: "invalid_dataset",
          message: /at least 2 images .* but there is one/,
        },
      );
      assert.equal(await look(folder, ["images"], (dataset) => dataset.count), 1);
    }));
});

describe("the image cache", () => {
  it("is used again while nothing has changed and built again when a file has changed, come or gone", () =>
    withFolder(async (folder) => {
      await writeFiles(folder, { "images/1.png": await png(1, 1, 1), "images/2.png": await png(2, 2, 2) });
      assert.equal(await decodes(folder, ["images"]), true);
      assert.equal(await decodes(folder, ["images"]), false);
      await writeFiles(folder, { "images/3.png": await png(3, 3, 3) });
      assert.equal(await decodes(folder, ["images"]), true);
      assert.equal(await decodes(folder, ["images"]), false);
      await writeFiles(folder, { "images/2.png": await png(22, 2, 2) });
      await utimes(join(folder, "images/2.png"), 1, 1);
      assert.equal(await decodes(folder, ["images"]), true);
      await rm(join(folder, "images/1.png"));
      assert.deepEqual(await look(folder, ["images"], firstPixels), [
        [22, 2, 2],
        [3, 3, 3],
      ]);
      assert.equal((await readdir(join(folder, "cache"))).length, 2);
    }));

  it("of an archive is built again when the archive has changed", () =>
    withFolder(async (folder) => {
      await writeFiles(folder, { "x.tar": await tar({ "1.png": await png(1, 1, 1) }) });
      assert.equal(await decodes(folder, ["x.tar"]), true);
      assert.equal(await decodes(folder, ["x.tar"]), false);
      await utimes(join(folder, "x.tar"), 1, 1);
      assert.equal(await decodes(folder, ["x.tar"]), true);
    }));

  it("is built again where it is damaged or of another make", () =>
    withFolder(async (folder) => {
      await writeFiles(folder, { "images/1.png": await png(7, 7, 7) });
      await decodes(folder, ["images"]);
      const cache = join(folder, "cache");
      const [pixels, index] = (await readdir(cache)).sort().map((name) => join(cache, name)) as [string, string];
      const old = await readFile(index, "utf8");
      for (const damage of [
        async () => truncate(pixels, 40),
        async () => writeFile(pixels, (await readFile(pixels)).fill(0, 0, 32)),
        async () => rm(pixels),
        async () => rm(index),
        async () => writeFile(index, "{"),
        async () => writeFile(index, old.replace('"formatVersion": 1', '"formatVersion": 2')),
        async () => writeFile(index, old), // the index of another run
      ]) {
        await damage();
        assert.equal(await decodes(folder, ["images"]), true, damage.toString());
        assert.deepEqual(await look(folder, ["images"], firstPixels), [[7, 7, 7]]);
      }
    }));

  it("loses what killed runs left, not what another run is writing, and survives a run that fails", () =>
    withFolder(async (folder) => {
      await writeFiles(folder, { "images/1.png": await png(7, 7, 7) });
      await decodes(folder, ["images"]);
      const cache = join(folder, "cache");
      const [pixels] = (await readdir(cache)).sort() as [string];
      await writeFiles(cache, {
        [`${pixels}.0123456789ab.tmp`]: Buffer.from("left"),
        [`${pixels}.ba9876543210.tmp`]: Buffer.from("live"),
      });
      await utimes(join(cache, `${pixels}.0123456789ab.tmp`), 1, 1);
      await decodes(folder, ["images"]);
      const names = await readdir(cache);
      assert.ok(!names.includes(`${pixels}.0123456789ab.tmp`));
      assert.ok(names.includes(`${pixels}.ba9876543210.tmp`));

      await writeFiles(folder, { "images/2.png": await png(8, 8, 8) });
      const stop = new Error("stopped");
      const onProgress = () => {
        throw stop;
      };
      await assert.rejects(
        look(folder, ["images"], () => {}, { onProgress }),
        stop,
      );
      assert.equal((await readdir(cache)).length, names.length);
      assert.equal(await look(folder, ["images"], (dataset) => dataset.count), 2);
    }));

  it("is built again after a run that was killed while it built it", () =>
    withFolder(async (folder) => {
      for (const i of [1, 2, 3]) await writeFiles(folder, { [`images/${i}.png`]: await png(i, i, i) });
      const module = siblingModule(import.meta.url, "../../../training/data/dataset");
      const { signal } = spawnSync(process.execPath, [
        ...[...loaderFlags(module), "--input-type=module", "--eval"],
        `import { openDataset } from "${module}";
         const options = {
           cacheFolder: ${JSON.stringify(join(folder, "cache"))},
           onProgress: ({ done }) => done === 2 && process.kill(process.pid, "SIGKILL"),
         };
         await openDataset([${JSON.stringify(join(folder, "images"))}], ${JSON.stringify(SHAPE)}, options);`,
      ]);
      assert.equal(signal, "SIGKILL");
      const [left] = await readdir(join(folder, "cache"));
      assert.match(left!, /\.tmp$/);
      assert.equal(await decodes(folder, ["images"]), true);
      assert.equal(await decodes(folder, ["images"]), false);
    }));

  it("can be built by several at once", () =>
    withFolder(async (folder) => {
      await writeFiles(folder, { "images/1.png": await png(7, 7, 7), "images/2.png": await png(8, 8, 8) });
      const open = () => look(folder, ["images"], firstPixels);
      const expected = [
        [7, 7, 7],
        [8, 8, 8],
      ];
      assert.deepEqual(await Promise.all([open(), open(), open()]), [expected, expected, expected]);
    }));

  it("cannot be where a file is", () =>
    withFolder(async (folder) => {
      await writeFiles(folder, { "images/1.png": await png(7, 7, 7) });
      await assert.rejects(
        look(folder, ["images"], () => {}, { cacheFolder: join(folder, "images/1.png") }),
        {
          code: "invalid_configuration",
        },
      );
    }));
});
