import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { npy } from "../../cli/commands/embed.ts";
import { png } from "../../support/pictures.ts";
import { runCli } from "../../support/run-cli.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { startTestServer, type TestServer } from "../../support/test-server.ts";

describe("commands that use a running server", () => {
  let server: TestServer;
  let folder: string;
  let remove: () => Promise<void>;
  before(async () => {
    server = await startTestServer();
    ({ folder, remove } = await temporaryFolder());
    await mkdir(join(folder, "photos", "more"), { recursive: true });
    for (let seed = 0; seed < 6; seed++) {
      await writeFile(join(folder, "photos", seed % 2 ? "more" : "", `${seed}.png`), await png(seed));
    }
    await writeFile(join(folder, "photos", "broken.jpg"), "no image at all");
  });
  after(async () => {
    await server.close();
    await remove();
  });
  const run = async (...args: string[]) => runCli([...args, "--server", server.url, "--json"], { cwd: folder });
  const stored = async () => (await server.http.get("/v1/images?limit=1000")).body.images;

  it("index stores what is an image, tells what is not, and stores nothing twice", async () => {
    const first = await run("index", "photos");
    assert.equal(first.code, 1, first.stderr);
    const summary = JSON.parse(first.stdout);
    assert.deepEqual([summary.uploaded, summary.skipped, summary.failed.length], [6, 0, 1]);
    assert.equal(summary.failed[0].code, "unsupported_image_type");
    assert.equal((await stored()).length, 6);
    assert.ok((await stored()).some(({ metadata }: { metadata: object }) => "path" in metadata));

    const again = JSON.parse((await run("index", "photos")).stdout);
    assert.deepEqual([again.uploaded, again.skipped], [0, 6]);
    // Where the note of what is stored was lost, the server knows.
    await run("index", "photos", "--state", join(folder, "elsewhere"));
    assert.equal((await stored()).length, 6);
  });

  it("index ends with the server's own words where nothing can be stored", async () => {
    const { code, stderr } = await runCli(["index", "photos", "--server", "http://127.0.0.1:9"], { cwd: folder });
    assert.equal(code, 1);
    assert.match(stderr, /No server answers/);
    assert.match((await run("index", "nowhere")).stderr, /there is no nowhere/);
  });

  it("search finds the image itself first", async () => {
    const { stdout } = await run("search", "photos/2.png", "-k", "2", "--filter", '{"field":"path","exists":true}');
    const { matches } = JSON.parse(stdout);
    assert.equal(matches.length, 2);
    assert.match(matches[0].metadata.path, /2\.png$/);
  });

  it("embed prints JSON lines, and writes what NumPy reads", async () => {
    const { stdout, code } = await run("embed", "photos");
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual([lines.length, code], [7, 1]);
    assert.equal(lines.find(({ file }) => file.endsWith("broken.jpg")).error.code, "unsupported_image_type");
    await run("embed", "photos/0.png", "photos/2.png", "--out", "out.npy");
    const file = await readFile(join(folder, "out.npy"));
    assert.match(
      file.toString("latin1"),
      /^.NUMPY.{4}\{'descr': '<f4', 'fortran_order': False, 'shape': \(2, 16\), \} *\n/s,
    );
    const begin = 10 + file.readUInt16LE(8);
    assert.equal(begin % 64, 0);
    assert.equal(file.length, begin + 2 * 16 * 4);
    const wanted = lines.find(({ file: path }) => path.endsWith("/2.png")).embedding;
    assert.ok(Math.abs(file.readFloatLE(begin + 16 * 4) - wanted[0]) < 1e-6);
    assert.equal(npy([]).length % 64, 0);
  });

  it("activate and rollback follow the swap to its end", async () => {
    assert.equal(JSON.parse((await run("activate", "other")).stdout).state, "active");
    assert.equal((await server.http.get("/v1/models")).body.active.card.name, "other");
    assert.equal(JSON.parse((await run("rollback")).stdout).state, "active");
    assert.equal((await server.http.get("/v1/models")).body.active.card.name, "default");
    const told = await runCli(["activate", "other", "--force", "--server", server.url]);
    assert.match(told.stdout, /the index finds 100\.0 % of the 10 nearest/);
    assert.match(told.stdout, /of the 10 nearest are the same as before/);
    assert.match(told.stdout, /Images are alike from a score of 0\.\d+ → 0\.\d+ on/);
    assert.match(told.stdout, /"other" answers now/);
    assert.match(told.stderr, /backfilling|verifying|ready/);
    const unknown = await run("activate", "none");
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /model_not_found/);
  });

  it("keys makes, lists and revokes keys", async () => {
    const data = ["--data", join(folder, "data")];
    const made = JSON.parse(
      (await runCli(["keys", "create", "--role", "read", "--name", "n", "--json", ...data])).stdout,
    );
    assert.match(made.key, /^moco_/);
    const list = JSON.parse((await runCli(["keys", "list", "--json", ...data])).stdout);
    assert.deepEqual(
      list.map(({ id, role, name }: { id: string; role: string; name: string }) => [id, role, name]),
      [[made.id, "read", "n"]],
    );
    assert.equal((await runCli(["keys", "revoke", made.id, ...data])).code, 0);
    assert.equal((await runCli(["keys", "revoke", made.id, ...data])).code, 1);
  });
});
