import assert from "node:assert/strict";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "../../../core/errors.ts";
import { createReserve } from "../../../server/storage/reserve.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

describe("the reserve of a data folder", () => {
  let folder: string;
  let remove: () => Promise<void>;
  beforeEach(async () => {
    ({ folder, remove } = await temporaryFolder());
  });
  afterEach(() => remove());
  const full = new AppError("storage_full", "full");

  it("is 8 MB, kept before something is stored and untouched by what succeeds", async () => {
    const reserve = createReserve(folder);
    await Promise.all([reserve.keep(), reserve.keep()]);
    assert.equal(await reserve.spend(async () => "done"), "done");
    const { size, mode, mtimeMs } = await stat(join(folder, "reserve"));
    assert.deepEqual([size, mode & 0o777], [8 * 1024 * 1024, 0o600]);
    await createReserve(folder).keep();
    assert.equal((await stat(join(folder, "reserve"))).mtimeMs, mtimeMs);
  });

  it("makes room for what frees room, once, and is kept again afterwards", async () => {
    const reserve = createReserve(folder);
    await reserve.keep();
    const succeedsWithRoom = async () => {
      if ((await readdir(folder)).length > 0) throw full;
      return "done";
    };
    assert.equal(await reserve.spend(succeedsWithRoom), "done");
    await assert.rejects(
      reserve.spend(async () => {
        throw full;
      }),
      full,
    );
    await reserve.keep();
    await assert.rejects(
      reserve.spend(() => Promise.reject(new RangeError())),
      RangeError,
    );
    assert.equal((await stat(join(folder, "reserve"))).size, 8 * 1024 * 1024);
  });

  it("is given to one after another, and as large as it was when all have ended", async () => {
    const reserve = createReserve(folder);
    let ended = 0;
    const needsAll = async () => {
      if ((await readdir(folder)).length > 0) throw full;
      await sleep(5);
      if ((await readdir(folder)).length > 0) throw full;
      return ++ended;
    };
    await reserve.keep();
    await Promise.all(Array.from({ length: 5 }, () => reserve.spend(needsAll)));
    assert.equal(ended, 5);
    assert.equal((await stat(join(folder, "reserve"))).size, 8 * 1024 * 1024);
  });
});
