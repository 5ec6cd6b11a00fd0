import assert from "node:assert/strict";
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describeLeftOut, findImages } from "../../core/find-images.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

describe("a walk over a folder of images", () => {
  let folder: string;
  let remove: () => Promise<void>;
  before(async () => {
    ({ folder, remove } = await temporaryFolder());
    const names = [
      "b/2.JPG",
      "b/1.png",
      "a.webp",
      "c/raw.CR2",
      "c/phone.heic",
      "c/drawing.svg",
      "film.mp4",
      "scan",
      ".DS_Store",
    ];
    for (const name of [...names, "._a.webp", ".thumbs/1.png", "odd.png/3.png"]) {
      await mkdir(join(folder, dirname(name)), { recursive: true });
      await writeFile(join(folder, name), "");
    }
    await symlink(join(folder, "b"), join(folder, "d"));
    await symlink(join(folder, "b/1.png"), join(folder, "link.png"));
    await symlink(join(folder, "nowhere"), join(folder, "gone.png"));
  });
  after(() => remove());

  it("finds images, through links too, in the order of their names", () => {
    const { files } = findImages(folder, "photos/");
    assert.deepEqual(
      files.map(({ name }) => name),
      ["a.webp", "b/1.png", "b/2.JPG", "c/phone.heic", "gone.png", "link.png", "odd.png/3.png"].map(
        (name) => `photos/${name}`,
      ),
    );
    assert.deepEqual(
      files.filter(({ stats }) => !stats).map(({ name }) => name),
      ["photos/gone.png"],
    );
  });

  it("names every other entry with the reason", () => {
    const { leftOut } = findImages(folder);
    assert.deepEqual(Object.fromEntries(leftOut.map(({ name, reason }) => [name, reason])), {
      ".DS_Store": "hidden",
      "._a.webp": "hidden",
      ".thumbs/": "hidden",
      "c/drawing.svg": ".svg",
      "c/raw.CR2": ".cr2",
      "d/": "read already",
      "film.mp4": ".mp4",
      scan: "no extension",
    });
    assert.equal(
      describeLeftOut(leftOut),
      "8 left out: 3 hidden, 1 .svg, 1 .cr2, 1 read already, 1 .mp4, 1 no extension",
    );
    assert.equal(describeLeftOut([]), "0 left out");
  });

  it("leaves out a folder that may not be read, and goes on; the named one must be readable", async () => {
    const [locked, path] = [join(folder, "b/locked"), join(folder, "b/locked/1.png")];
    await mkdir(locked);
    await writeFile(path, "");
    await chmod(folder, 0o755);
    await chmod(locked, 0o000);
    const isRoot = process.geteuid?.() === 0; // may read everything
    if (isRoot) process.seteuid!(65534);
    try {
      const { files, leftOut } = findImages(join(folder, "b"));
      assert.deepEqual(
        files.map(({ name }) => name),
        ["1.png", "2.JPG"],
      );
      assert.deepEqual(leftOut, [{ name: "locked/", reason: "may not be read" }]);
      assert.throws(() => findImages(locked), { code: "EACCES" });
    } finally {
      if (isRoot) process.seteuid!(0);
      await chmod(locked, 0o700);
    }
  });
});
