// A disk that fills up: uploads are refused with 507, nothing that was acknowledged is lost, the server lives, and it
// goes on once there is room again. The disk is a small tmpfs, so this needs the right to mount (root on Linux).
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { hasErrno } from "../../core/errors.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { mulberry32, writeTinyModel } from "../../support/tiny-model.ts";

/** A picture that no format makes smaller: about 30 kB. */
function noise(seed: number): Promise<Buffer> {
  const random = mulberry32(seed);
  const pixels = Uint8Array.from({ length: 100 * 100 * 3 }, () => random() * 256);
  return sharp(pixels, { raw: { width: 100, height: 100, channels: 3 } })
    .png()
    .toBuffer();
}

const DISK_BYTES = 24 * 1024 * 1024;

function mount(folder: string): void {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", folder], { stdio: "pipe" });
  } catch (error) {
    throw new Error("This test fills a small disk of its own and needs the right to mount a tmpfs: run it as root.", {
      cause: error,
    });
  }
}

function ignoreFull(error: unknown): void {
  if (!hasErrno(error, "ENOSPC")) throw error;
}

describe("a full disk", () => {
  let disk: string;
  let remove: () => Promise<void>;
  let isMounted = false;
  let server: ServerProcess | undefined;
  before(async () => {
    const { folder, remove: removeFolder } = await temporaryFolder();
    remove = removeFolder;
    disk = join(folder, "disk");
    await mkdir(disk);
    mount(disk);
    isMounted = true;
    await writeTinyModel(join(disk, "models"), "default");
  });
  after(async () => {
    await server?.stop("SIGKILL");
    if (isMounted) execFileSync("umount", [disk]);
    await remove();
  });

  it("refuses uploads with 507, loses nothing, and goes on when there is room", async () => {
    const ballast = join(disk, "ballast");
    await writeFile(ballast, Buffer.alloc(6 * 1024 * 1024));
    server = await startServerProcess(disk, ["--threads", "1", "--log-level", "fatal"]);
    const stored = new Map<string, Buffer>();
    let seed = 0;
    const upload = async (): Promise<number> => {
      const file = await noise(seed++);
      const form = new FormData();
      form.append("image", new Blob([file]), "a.png");
      const response = await fetch(`${server!.url}/v1/images`, { method: "POST", body: form });
      const body = (await response.json()) as { images: Array<{ id: string }>; code?: string };
      if (response.status === 201) stored.set(body.images[0]!.id, file);
      else assert.deepEqual([response.status, body.code], [507, "storage_full"]);
      return response.status;
    };
    const check = async () => {
      for (const path of ["/livez", "/readyz"]) assert.equal((await fetch(server!.url + path)).status, 200, path);
      const listed = new Set<string>();
      for (let cursor = ""; ; ) {
        const page = (await (await fetch(`${server!.url}/v1/images?limit=1000${cursor}`)).json()) as {
          images: Array<{ id: string }>;
          nextCursor?: string;
        };
        for (const { id } of page.images) listed.add(id);
        if (!page.nextCursor) break;
        cursor = `&cursor=${page.nextCursor}`;
      }
      assert.deepEqual([...listed].sort(), [...stored.keys()].sort(), "what is listed is what was acknowledged");
      for (const [id, file] of stored) {
        const bytes = await (await fetch(`${server!.url}/v1/images/${id}/content`)).arrayBuffer();
        assert.ok(Buffer.from(bytes).equals(file), `image ${id} is not as it was uploaded`);
      }
      const [id] = stored.keys();
      const headers = { "Content-Type": "application/json" };
      const body = JSON.stringify({ id, k: 1000 });
      const response = await fetch(`${server!.url}/v1/search`, { method: "POST", headers, body });
      const { matches } = (await response.json()) as { matches: unknown[] };
      assert.equal(matches.length, stored.size - 1);
    };

    const fill = async () => {
      for (let refused = 0; refused < 20; ) if ((await upload()) === 507) refused++;
    };
    await fill();
    assert.ok(stored.size > 20, `${stored.size} images`);
    await check();

    await rm(ballast);
    assert.equal(await upload(), 201);
    await check();

    // Full again, with many uploads at once; then the end of the process, in both ways.
    await Promise.all(Array.from({ length: 8 }, fill));
    await check();
    for (const signal of ["SIGKILL", "SIGTERM"] as const) {
      const code = await server!.stop(signal);
      assert.equal(code, signal === "SIGTERM" ? 0 : null);
      await writeFile(ballast, Buffer.alloc(DISK_BYTES)).catch(ignoreFull); // not a byte is left
      server = await startServerProcess(disk, ["--threads", "1", "--log-level", "fatal"]);
      await check();
    }

    // Nobody makes room: what is stored can be deleted all the same, and that makes room for more.
    const deletions = [...stored.keys()].slice(0, stored.size - 20);
    for (const [i, id] of deletions.entries()) {
      const { status } = await fetch(`${server!.url}/v1/images/${id}`, { method: "DELETE" });
      assert.equal(status, 204, `delete ${i} of ${deletions.length}`);
      stored.delete(id);
    }
    await check();
    assert.equal(await upload(), 201);
    await check();
    assert.equal(await server!.stop(), 0);
    console.log(`      ${stored.size} images stored, ${seed - stored.size} refused`);
  }).timeout(300_000);
});
