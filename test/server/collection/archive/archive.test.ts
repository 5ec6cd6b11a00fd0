import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "../../../../core/errors.ts";
import { openArchive } from "../../../../server/collection/archive/archive.ts";
import type { Image, Metadata } from "../../../../server/domain/image.ts";
import { unzip } from "../../../../support/unzip.ts";

const CREATED = "2026-03-01T12:00:00.000Z";

/** Images of `size` bytes each, read in pieces; says how many are open. */
function sourceOf(images: Readonly<Record<string, Metadata>>, { size = 10, failing = "" } = {}) {
  const opened: string[] = [];
  let open = 0;
  let most = 0;
  const file = (id: string) => Buffer.alloc(size, id);
  return {
    opened,
    file,
    count: () => ({ open, most }),
    async get(id: string): Promise<Image> {
      const metadata = images[id];
      if (!metadata) throw new AppError("image_not_found", `There is no image ${JSON.stringify(id)}.`);
      return { id, sha256: "00", type: "jpeg", width: 4, height: 3, bytes: size, metadata, createdAt: CREATED };
    },
    async open(id: string): Promise<Readable> {
      if (id === failing) throw new AppError("storage_unavailable", "The storage is away.");
      if (id.startsWith("damaged")) throw new AppError("file_damaged", `The stored file of image ${id} is damaged.`);
      opened.push(id);
      most = Math.max(most, ++open);
      const bytes = file(id);
      const pieces = Array.from({ length: Math.ceil(size / 65_536) }, (_, i) =>
        bytes.subarray(i * 65_536, (i + 1) * 65_536),
      );
      return Readable.from(pieces, { objectMode: false }).once("close", () => open--);
    },
  };
}

describe("an archive of images", () => {
  it("has each file as it is, then the records, then what is missing", async () => {
    const source = sourceOf({
      one: { name: "photos/a.jpg", note: 'said "x"\nand, more' },
      two: {},
      damaged1: {},
      "-three": { name: "=cmd()" },
    });
    const ids = ["one", "two", "none\n", "damaged1", "one", "-three"];
    const files = unzip(await buffer(await openArchive(ids, source)));
    assert.deepEqual([...files.keys()], ["a.jpg", "two.jpg", "=cmd().jpg", "images.csv", "missing.txt"]);
    assert.deepEqual(files.get("a.jpg"), source.file("one"));
    assert.deepEqual(source.count(), { open: 0, most: 1 });
    const record = `00,jpeg,4,3,10,${CREATED}`;
    assert.deepEqual(files.get("images.csv")!.toString().split("\r\n"), [
      "id,name,sha256,type,width,height,bytes,createdAt,metadata",
      `one,a.jpg,${record},"{""name"":""photos/a.jpg"",""note"":""said \\""x\\""\\nand, more""}"`,
      `two,two.jpg,${record},{}`,
      `'-three,'=cmd().jpg,${record},"{""name"":""=cmd()""}"`,
      "",
    ]);
    assert.equal(
      files.get("missing.txt")!.toString(),
      'There is no image "none\\n".\nThe stored file of image damaged1 is damaged.\n',
    );
  });

  it("has only its list where all is missing", async () => {
    const files = unzip(await buffer(await openArchive(["none"], sourceOf({}))));
    assert.deepEqual([...files.keys()], ["images.csv", "missing.txt"]);
  });

  const many = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`image${i}`, {}]));

  it("goes no further than it is read, and ends where it is destroyed", async () => {
    const source = sourceOf(many, { size: 2 ** 20 });
    const archive = await openArchive(Object.keys(many), source);
    archive.read(10);
    await sleep(100);
    assert.deepEqual([source.opened, source.count().open], [["image0"], 1]);
    archive.destroy();
    await sleep(100);
    assert.deepEqual([source.opened.length, source.count().open], [1, 0]);
  });

  it("fails where the storage does: before it begins, or on the way", async () => {
    await assert.rejects(openArchive(Object.keys(many), sourceOf(many, { failing: "image0" })), {
      code: "storage_unavailable",
    });
    const source = sourceOf(many, { failing: "image3" });
    await assert.rejects(buffer(await openArchive(Object.keys(many), source)), { code: "storage_unavailable" });
    assert.equal(source.count().open, 0);
  });

  it("fails where a file has other bytes than its record says", async () => {
    const source = sourceOf(many);
    const lying = { ...source, get: async (id: string) => ({ ...(await source.get(id)), bytes: 11 }) };
    await assert.rejects(buffer(await openArchive(Object.keys(many), lying)), /unexpected number of bytes/);
  });
});
