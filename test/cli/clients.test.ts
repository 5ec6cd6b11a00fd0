import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { npy } from "../../cli/commands/embed.ts";
import { png } from "../../support/pictures.ts";
import { runCliHere } from "../../support/run-cli.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { startTestServer, type TestServer } from "../../support/test-server.ts";

describe("commands that use a running server", () => {
  let server: TestServer;
  let folder: string;
  let remove: () => Promise<void>;
  before(async () => {
    server = await startTestServer();
    ({ folder, remove } = await temporaryFolder());
    await mkdir(at("photos", "more"), { recursive: true });
    for (let seed = 0; seed < 6; seed++) {
      await writeFile(at("photos", seed % 2 ? "more" : "", `${seed}.png`), await png(seed));
    }
    await writeFile(at("photos", "broken.jpg"), "no image at all");
    await writeFile(at("photos", "raw.cr2"), "another type");
    await writeFile(at("photos", ".hidden.png"), await png(99));
    await writeFile(at("photos", "more", "copy.png"), await png(0));
  });
  after(async () => {
    await server.close();
    await remove();
  });
  const at = (...parts: string[]) => join(folder, ...parts);
  const run = async (...args: string[]) => runCliHere([...args, "--server", server.url, "--json"]);
  /** The JSON that a command prints. */
  const answered = async (...args: string[]) => {
    const { stdout, stderr } = await run(...args);
    return JSON.parse(stdout || assert.fail(stderr));
  };
  const stored = async () => (await server.http.get("/v1/images?limit=1000")).body.images;

  it("index stores what is an image, tells what is not, and stores nothing twice", async () => {
    const first = await run("index", at("photos"));
    assert.equal(first.code, 1, first.stderr);
    const summary = JSON.parse(first.stdout);
    assert.deepEqual([summary.uploaded, summary.skipped, summary.failed.length], [6, 1, 1]);
    assert.equal(summary.failed[0].code, "unsupported_image_type");
    assert.deepEqual(summary.leftOut, [
      { name: ".hidden.png", reason: "hidden" },
      { name: "raw.cr2", reason: ".cr2" },
    ]);
    assert.equal((await stored()).length, 6);

    const again = await runCliHere(["index", at("photos"), "--server", server.url]);
    assert.match(again.stdout, /10 entries: 0 uploaded, 7 stored before, 1 failed, 2 left out: 1 hidden, 1 \.cr2\./);
    assert.match(again.stderr, /raw\.cr2: \.cr2/);
    assert.equal((await stored()).length, 6);
  });

  it("index goes by what the server has, also where that was deleted", async () => {
    const [first, second] = await stored();
    for (const { id } of [first, second]) await server.http.delete(`/v1/images/${id}`).expect(204);
    const { uploaded, skipped } = await answered("index", at("photos"));
    assert.deepEqual([uploaded, skipped], [2, 5]);
    assert.equal((await stored()).length, 6);
  });

  it("index keeps name, path below the folder, label and what the user adds", async () => {
    const other = await temporaryFolder();
    await mkdir(join(other.folder, "images", "red"), { recursive: true });
    await writeFile(join(other.folder, "images", "red", "50.png"), await png(50));
    await run("index", join(other.folder, "images"), "--metadata", '{"source":"test"}');
    await other.remove();
    const [image] = await stored();
    assert.deepEqual(image.metadata, { name: "50.png", path: "red/50.png", label: "red", source: "test" });
    await server.http.delete(`/v1/images/${image.id}`);
    assert.match((await run("index", at("photos"), "--metadata", "[1]")).stderr, /Expected a JSON object/);
  });

  it("index ends with the server's own words where nothing can be stored", async () => {
    const { code, stderr } = await runCliHere(["index", at("photos"), "--server", "http://127.0.0.1:9"]);
    assert.equal(code, 1);
    assert.match(stderr, /No server answers/);
    assert.match((await run("index", at("nowhere"))).stderr, /there is no .*nowhere/);
  });

  it("search finds the image itself first", async () => {
    const { stdout } = await run(
      "search",
      at("photos", "2.png"),
      "-k",
      "2",
      "--filter",
      '{"field":"path","exists":true}',
    );
    const { matches } = JSON.parse(stdout);
    assert.equal(matches.length, 2);
    assert.match(matches[0].metadata.path, /2\.png$/);
  });

  it("search says where there is nothing to find", async () => {
    const empty = await startTestServer();
    const { stdout, stderr, code } = await runCliHere(["search", at("photos", "2.png"), "--server", empty.url]);
    await empty.close();
    assert.deepEqual([stdout, code], ["", 0]);
    assert.match(stderr, /Nothing is stored yet/);
    const narrowed = [
      "search",
      at("photos", "2.png"),
      "--filter",
      '{"field":"none","exists":true}',
      "--server",
      server.url,
    ];
    assert.match((await runCliHere(narrowed)).stderr, /No stored image fits/);
  });

  it("says in a sentence what is mistyped, without a stack", async () => {
    const typos: Array<[string[], RegExp]> = [
      [["search", at("nope.jpg")], /Expected an image file at \S+nope\.jpg but there is none/],
      [["search", at("photos")], /Expected an image file at \S+photos but it is a folder/],
      [["search", at("photos", "2.png"), "--point", "0.4,1.2"], /Expected two numbers from 0 to 1, such as 0\.4,0\.6/],
      [
        ["search", at("photos", "2.png"), "--point", "0.4,0.6", "--server", server.url],
        /Expected a model with the output "cells"/,
      ],
      [["search", at("photos", "2.png"), "--server", "ftp://127.0.0.1"], /Expected an address such as/],
      [["search", at("photos", "2.png"), "--server", `${new URL(server.url).host}/`], /^$/],
      [["export", at("photos")], /./],
      [["train", at("nope"), "--name", "x", "--run", at("run")], /nope/],
      [["evaluate", "nope", "--train", at("photos"), "--test", at("photos")], /no model "nope"/],
      [["serve", "--config", at("nope.yaml")], /Expected options of the server/],
      [["add", at("nope.onnx"), "--name", "x"], /nope\.onnx cannot be read/],
    ];
    for (const [args, expected] of typos) {
      const { stderr } = await runCliHere(args);
      assert.match(stderr, expected, args.join(" "));
      assert.doesNotMatch(stderr, /should not have happened|^ {4}at /m, args.join(" "));
    }
  });

  it("embed prints JSON lines, and writes what NumPy reads", async () => {
    const { stdout, code } = await run("embed", at("photos"));
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual([lines.length, code], [8, 1]);
    assert.equal(lines.find(({ file }) => file.endsWith("broken.jpg")).error.code, "unsupported_image_type");
    await run("embed", at("photos", "0.png"), at("photos", "2.png"), "--out", at("out.npy"));
    const file = await readFile(at("out.npy"));
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
    assert.equal((await answered("activate", "other")).state, "active");
    assert.equal((await server.http.get("/v1/models")).body.active.card.name, "other");
    assert.equal((await answered("rollback")).state, "active");
    assert.equal((await server.http.get("/v1/models")).body.active.card.name, "default");
    const told = await runCliHere(["activate", "other", "--force", "--server", server.url]);
    assert.match(told.stdout, /the index finds 100\.0 % of the 10 nearest/);
    assert.match(told.stdout, /of the 10 nearest are the same as before/);
    assert.match(told.stdout, /Images are alike from a score of 0\.\d+ → 0\.\d+ on/);
    assert.match(told.stdout, /"other" answers now/);
    assert.match(told.stderr, /backfilling|verifying|ready/);
    const unknown = await run("activate", "none");
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /model_not_found/);
  });

  it("activate --review waits; approve and discard tell it what to do", async () => {
    const generation = async () => (await server.http.get("/v1/models")).body.active.generation;
    const before = await generation();
    assert.match((await run("approve")).stderr, /Expected a swap that waits for approval but no swap runs/);

    const told = await runCliHere(["activate", "default", "--review", "--server", server.url]);
    assert.equal(told.code, 0, told.stderr);
    assert.match(told.stdout, /of the 10 nearest are the same as before/);
    assert.match(told.stdout, /"default" waits for your word.*moco-search approve.*moco-search discard/s);
    assert.equal((await answered("discard")).state, "cancelled");
    assert.equal(await generation(), before);

    const { id, state } = await answered("activate", "default", "--review");
    assert.equal(state, "ready");
    assert.equal((await answered("approve", id)).state, "active");
    assert.ok((await generation()) > before);
    assert.match((await run("discard", id)).stderr, /not_in_review/);
    assert.equal((await run("rollback")).code, 0);
  });

  it("status, models, swaps, images and duplicates tell what the server has", async () => {
    const lines = async (...args: string[]) =>
      (await run(...args)).stdout
        .trim()
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line));
    const [status] = await lines("status");
    assert.deepEqual([status.active.card.name, status.images], ["other", (await stored()).length]);
    assert.deepEqual(
      (await lines("models")).map(({ name, state }) => [name, state]),
      [
        ["default", "available"],
        ["other", "active"],
      ],
    );
    const [swap] = await lines("swaps", "--limit", "1");
    assert.deepEqual([swap.state, swap.model.name], ["active", "other"]);

    const [newest, ...others] = await lines("images", "list", "--limit", "3");
    assert.equal(others.length, 2);
    const named = await lines("images", "list", "--filter", `{"field":"name","eq":"${newest.metadata.name}"}`);
    assert.deepEqual(
      named.map(({ id }) => id),
      [newest.id],
    );
    const [group] = await lines("duplicates", "--threshold", "0");
    assert.ok(group.images.length > 1);
    assert.deepEqual(await lines("images", "delete", newest.id), [{ deleted: [newest.id] }]);
    assert.match((await run("images", "delete", newest.id)).stderr, /image_not_found/);
    assert.match(
      (await runCliHere(["status", "--server", server.url])).stdout,
      /images +5\nmodel +other, 24 dimensions/,
    );
  });

  it("keys makes, lists and revokes keys", async () => {
    const data = ["--data", at("data")];
    for (const args of [["list"], ["revoke", "x"]]) {
      const { code, stderr } = await runCliHere(["keys", ...args, ...data]);
      assert.deepEqual([code, existsSync(at("data"))], [1, false], stderr);
      assert.match(stderr, /Expected the data folder of a server/);
    }
    const made = JSON.parse(
      (await runCliHere(["keys", "create", "--role", "read", "--name", "n", "--json", ...data])).stdout,
    );
    assert.match(made.key, /^moco_/);
    const list = JSON.parse((await runCliHere(["keys", "list", "--json", ...data])).stdout);
    assert.deepEqual(
      list.map(({ id, role, name }: { id: string; role: string; name: string }) => [id, role, name]),
      [[made.id, "read", "n"]],
    );
    assert.equal((await runCliHere(["keys", "revoke", made.id, ...data])).code, 0);
    assert.equal((await runCliHere(["keys", "revoke", made.id, ...data])).code, 1);
  });
});
