import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { packageRoot } from "../../core/paths.ts";
import { cliCommand, startCli } from "../../support/run-cli.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { writeTinyModel } from "../../support/tiny-model.ts";

/** Starts `moco-search serve`. */
const runServe = (args: string[], env: NodeJS.ProcessEnv = {}) =>
  startCli(["serve", ...args], { cwd: packageRoot(), env: { ...process.env, ...env } });

describe("moco-search serve", () => {
  let folder: string;
  let remove: () => Promise<void>;
  before(async () => {
    ({ folder, remove } = await temporaryFolder());
    await writeTinyModel(join(folder, "models"), "default");
  });
  after(() => remove());

  for (const [signal, host, address] of [
    ["SIGINT", "127.0.0.1", /^http:\/\/127\.0\.0\.1:/],
    ["SIGTERM", "0.0.0.0", /^http:\/\/localhost:/],
  ] as const) {
    it(`serves on ${host}, says where in JSON, and ends with exit code 0 on ${signal}`, async () => {
      const folders = ["--data", join(folder, "data"), "--models", join(folder, "models")];
      if (host === "0.0.0.0")
        await text(startCli(["keys", "create", "--role", "admin", ...folders.slice(0, 2)]).stdout!);
      const child = runServe(["--json", "--host", host, "--port", "0", ...folders]);
      const [line] = await once(child.stdout!, "data");
      const { url, model } = JSON.parse(String(line));
      assert.equal(model, "default");
      assert.match(url, address);
      assert.equal((await fetch(`${url}/readyz`)).status, 200);
      child.kill(signal);
      assert.deepEqual(await once(child, "exit"), [0, null]);
    });
  }

  it("names every bad option and starts nothing", async () => {
    const child = runServe(["--port", "x", "--device", "abacus"], { MOCO_SEARCH_THREADS: "0" });
    const stderr = await text(child.stderr!);
    if (child.exitCode === null) await once(child, "exit");
    assert.equal(child.exitCode, 1);
    for (const part of [/port: expected a number/, /device/, /MOCO_SEARCH_THREADS: expected 1 or more/])
      assert.match(stderr, part);
  });

  it("says what to do where the model is missing", async () => {
    const child = runServe(["--port", "0", "--data", join(folder, "empty"), "--model", "none"]);
    assert.match(await text(child.stderr!), /There is no model "none".*Train one or add one first/);
  });

  it("refuses a folder that is somebody else's, and touches nothing in it", async () => {
    const foreign = join(folder, "home");
    for (const path of ["models/README.md", "files/ab/thesis.doc"]) {
      await mkdir(join(foreign, path, ".."), { recursive: true });
      await writeFile(join(foreign, path), path);
    }
    const before = await readdir(foreign, { recursive: true });
    const child = startCli(["serve", "--port", "0", "--data", "."], { cwd: foreign });
    assert.match(
      await text(child.stderr!),
      /^moco-search: Expected an empty folder .* it holds files \(files, models\)/,
    );
    assert.deepEqual(await readdir(foreign, { recursive: true }), before);
  });

  describe("says in a sentence what is wrong with its data folder:", () => {
    const says = async (child: ChildProcess, what: RegExp) => {
      const stderr = await text(child.stderr!);
      assert.match(stderr, what);
      assert.doesNotMatch(stderr, /\n {4}at /);
    };

    it("a database that is none, or is damaged", async () => {
      const data = join(folder, "damaged");
      await mkdir(data);
      await writeFile(join(data, "moco-search.db"), Buffer.alloc(8192, "x"));
      await says(
        runServe(["--port", "0", "--data", data]),
        /The database in .*damaged is damaged: .*moco-search restore/,
      );
    });

    it("that it cannot be written", async () => {
      const data = join(folder, "read-only");
      await mkdir(data, { mode: 0o500 });
      const isRoot = process.getuid?.() === 0; // may write everywhere
      if (isRoot) await chmod(folder, 0o755);
      const somebody = isRoot ? { uid: 65534, gid: 65534 } : {};
      const child = startCli(["keys", "create", "--role", "read", "--data", data], somebody);
      await says(child, /Expected to read and write the data folder .*read-only but cannot: .*EACCES/);
    });

    it("that it is a file", async () => {
      const file = join(folder, "letter.txt");
      await writeFile(file, "mine");
      await says(runServe(["--port", "0", "--data", file]), /Expected to read and write the data folder .*EEXIST/);
    });

    it("that too few files may be open", async () => {
      const command = cliCommand(["serve", "--port", "0", "--data", join(folder, "few")]);
      const child = spawn("sh", ["-c", 'ulimit -n 64; exec "$@"', "sh", ...command]);
      await says(child, /may open too few files at a time \(64\).*ulimit -n 4096/);
    });
  });

  it("takes options from a file, and names all bad ones at once", async () => {
    const file = join(folder, "server.yaml");
    await writeFile(file, "port: true\nmaxBatch: 3\ncolour: red\nthreads: 1\nhost:\n");
    const bad = runServe(["--config", file]);
    const message = await text(bad.stderr!);
    for (const part of [
      /server\.yaml: port: expected/,
      /yaml: maxBatch: expected a power of two/,
      /yaml: colour: there is no/,
    ])
      assert.match(message, part);
    await writeFile(file, JSON.stringify({ port: 0, data: join(folder, "data"), models: join(folder, "models") }));
    const child = runServe(["--json"], { MOCO_SEARCH_CONFIG: file });
    const [line] = await once(child.stdout!, "data");
    assert.equal(JSON.parse(String(line)).data, join(folder, "data"));
    child.kill("SIGTERM");
    assert.deepEqual(await once(child, "exit"), [0, null]);
  });

  it("says so where --model is not the one that the data folder serves", async () => {
    const folders = ["--data", join(folder, "data"), "--models", join(folder, "models")];
    const child = runServe(["--json", "--port", "0", "--model", "other", ...folders]);
    const log = text(child.stderr!);
    const [line] = await once(child.stdout!, "data");
    assert.equal(JSON.parse(String(line)).model, "default");
    child.kill("SIGTERM");
    await once(child, "exit");
    assert.match(await log, /goes on with the model \\"default\\".*moco-search activate other/);
  });
});
