// Backup, restore and check of a data folder, by their commands.
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openApiKeys, start } from "../../server/index.ts";
import { png } from "../../support/pictures.ts";
import { runCliHere } from "../../support/run-cli.ts";
import { activate } from "../../support/swaps.ts";
import { startTestServer, type TestServer } from "../../support/test-server.ts";

describe("moco-search backup, restore and check", () => {
  let server: TestServer;
  let folder: string;
  let key: string;
  const images: Array<{ id: string; sha256: string }> = [];
  before(async () => {
    server = await startTestServer();
    folder = join(server.dataFolder, "..");
    await activate(server, "other");
    for (let seed = 0; seed < 6; seed++) images.push(await upload(seed));
    const { keys, close } = await openApiKeys(server.dataFolder, { create: false });
    key = (await keys.create("admin", "mine")).key;
    close();
  });
  after(() => server.close());

  const upload = async (seed: number): Promise<{ id: string; sha256: string }> => {
    const post = server.http.post("/v1/images").attach("image", await png(seed), "a.png");
    return (await post.field("metadata", JSON.stringify({ seed })).expect(201)).body.images[0];
  };
  const pathOf = ({ sha256 }: { sha256: string }, data = server.dataFolder) =>
    join(data, "files", sha256.slice(0, 2), sha256);
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await runCliHere([...args, "--json"]);
    return { code, stderr, report: stdout ? JSON.parse(stdout) : undefined };
  };

  it("restores what was backed up while the server ran and took uploads", async () => {
    const [backup, restored] = [join(folder, "backup"), join(folder, "restored")];
    let isCopied = false;
    const uploading = (async () => {
      for (let seed = 100; !isCopied; seed++) {
        const { id } = await upload(seed);
        if (seed % 2) await server.http.delete(`/v1/images/${id}`).expect(204);
      }
    })();
    const copied = await run("backup", backup, "--data", server.dataFolder);
    isCopied = true;
    await uploading;
    assert.equal(copied.code, 0, copied.stderr);
    assert.deepEqual([copied.report.damagedImages, copied.report.damagedModels], [[], []]);
    assert.ok(copied.report.images >= 6);
    assert.equal(((await stat(backup)).mode & 0o777).toString(8), "700");

    const back = await run("restore", backup, "--data", restored);
    assert.deepEqual([back.code, back.report], [0, copied.report]);
    const { code, report } = await run("check", "--data", restored);
    assert.deepEqual([code, report.damage, report.images], [0, [], copied.report.images]);

    const other = await start({
      data: restored,
      models: join(folder, "none"),
      port: 0,
      threads: 1,
      logLevel: "silent",
    });
    const ask = async (path: string) => (await fetch(`${other.url}${path}`)).json() as Promise<never>;
    const { active, previous } = (await ask("/v1/models")) as Record<string, { card: { name: string } }>;
    assert.deepEqual([active!.card.name, previous!.card.name], ["other", "default"]);
    for (const [seed, { id }] of images.entries()) {
      assert.deepEqual(((await ask(`/v1/images/${id}`)) as { metadata: unknown }).metadata, { seed });
      const content = await (await fetch(`${other.url}/v1/images/${id}/content`)).arrayBuffer();
      assert.ok((await png(seed)).equals(Buffer.from(content)));
    }
    const { swap } = (await (await fetch(`${other.url}/v1/rollback`, { method: "POST" })).json()) as { swap: unknown };
    assert.ok(swap, "a rollback is possible");
    await other.close();
    const { keys, close } = await openApiKeys(restored, { create: false });
    assert.equal(await keys.roleOf(key), "admin");
    close();
  });

  it("is written into an empty folder only, and restored into one, from a backup that was finished", async () => {
    const full = join(folder, "full");
    await mkdir(full);
    await writeFile(join(full, "letter.txt"), "mine");
    for (const args of [
      ["backup", full, "--data", server.dataFolder],
      ["restore", join(folder, "backup"), "--data", full],
    ]) {
      const { code, stderr } = await run(...args);
      assert.equal(code, 1);
      assert.match(stderr, /holds files \(letter\.txt\).*Nothing was touched/);
    }
    assert.deepEqual(await readdir(full), ["letter.txt"]);
    const none = await run("restore", server.dataFolder, "--data", join(folder, "new"));
    assert.match(none.stderr, /Expected a backup at .* but its backup\.json cannot be read: it is none, or it was not/);
    const noData = await run("backup", join(folder, "new"), "--data", full);
    assert.match(noData.stderr, /Expected the data folder of a server/);
    await assert.rejects(stat(join(folder, "new")));
  });

  it("names what is damaged in the original, and copies the rest", async () => {
    const [backup] = [join(folder, "backup-of-damage")];
    await rm(pathOf(images[0]!));
    await writeFile(pathOf(images[1]!), "other bytes");
    const { code, stderr, report } = await run("backup", backup, "--data", server.dataFolder);
    assert.equal(code, 1);
    assert.deepEqual(report.damagedImages.sort(), [images[0]!.id, images[1]!.id].sort());
    assert.match(stderr, new RegExp(`files of 2 images .*${images[0]!.id}`));
    const restored = await run("restore", backup, "--data", join(folder, "restored-damage"));
    assert.deepEqual([restored.code, restored.report.damagedImages.length], [1, 2]);
    await stat(pathOf(images[2]!, join(folder, "restored-damage")));
  });

  it("check beside a running server reads, and refuses to repair", async () => {
    const { code, stderr, report } = await run("check", "--data", server.dataFolder);
    assert.equal(code, 1);
    assert.equal(report.inUse, true);
    const found = report.damage.map(({ of, problem, names }: Record<string, unknown>) => [of, problem, names]).sort();
    assert.deepEqual(
      found,
      [
        ["image", "missing", [images[0]!.id]],
        ["image", "damaged", [images[1]!.id]],
      ].sort(),
    );
    assert.match(stderr, /2 things are wrong\. Repair with --originals, send the files/);
    const refused = await run("check", "--repair", "--data", server.dataFolder);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /Another server uses the data folder/);
  });

  it("check repairs what can be repaired, and says what cannot", async () => {
    const data = join(folder, "restored");
    const models = await readdir(join(data, "models"));
    const encoders = models.filter((name) => name.endsWith(".onnx"));
    assert.equal(encoders.length, 2);
    const aside = join(data, "files", "lost+found");
    await mkdir(aside, { recursive: true });
    await writeFile(join(aside, images[0]!.sha256), await png(0));
    await writeFile(join(aside, images[2]!.sha256), "not it");
    for (const image of [images[0]!, images[2]!]) await rm(pathOf(image, data));
    await writeFile(join(data, "models", encoders[0]!), "damaged");
    await rm(join(data, "models", encoders[1]!));
    const unknown = "ab".repeat(32);
    await mkdir(join(data, "files", "ab"), { recursive: true });
    await writeFile(join(data, "files", "ab", unknown), "unknown");
    await writeFile(join(data, "files", "ab", "notes.txt"), "not ours");
    const [snapshot] = await readdir(join(data, "index"));
    await writeFile(join(data, "index", snapshot!), "damaged");

    const args = ["check", "--data", data, "--models", server.modelsFolder];
    const seen = async (...more: string[]) => {
      const { code, report } = await run(...args, ...more);
      const lines = report.damage.map(
        ({ of, problem, repaired }: Record<string, unknown>) => `${of} ${problem} ${repaired}`,
      );
      return { code, lines: lines.sort() as string[] };
    };
    const all = ["image missing", "image missing", "image unknown", "index damaged", "model damaged", "model missing"];
    assert.deepEqual(await seen(), { code: 1, lines: all.map((line) => `${line} false`) });
    assert.deepEqual(await seen("--repair"), {
      code: 1,
      lines: ["image missing false", ...all.slice(1).map((line) => `${line} true`)],
    });
    assert.deepEqual(await seen(), { code: 1, lines: ["image missing false"] });
    assert.equal(await readFile(join(aside, unknown), "utf8"), "unknown");
    assert.equal(await readFile(join(data, "files", "ab", "notes.txt"), "utf8"), "not ours");
    assert.ok((await readFile(pathOf(images[0]!, data))).equals(await png(0)));
    const { stdout } = await runCliHere(args);
    assert.match(stdout, new RegExp(`^image ${images[2]!.id}: ${images[2]!.sha256} is missing$`, "m"));
    const originals = join(folder, "originals");
    await mkdir(originals);
    for (const seed of [2, 3]) await writeFile(join(originals, `${seed}.png`), await png(seed));
    assert.deepEqual(await seen("--repair", "--originals", originals), { code: 0, lines: ["image missing true"] });
    assert.deepEqual(await seen(), { code: 0, lines: [] });
  });
});
