// Trainings through the HTTP interface: real ones, in real processes, of seconds in place of minutes.
import assert from "node:assert/strict";
import { rmSync, symlinkSync } from "node:fs";
import { access, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { getPriority } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import sharp from "sharp";
import { type Client, createClient, hasStopped, type TrainingView } from "../../../client/index.ts";
import { trainingSchema } from "../../../server/http/responses.ts";
import type { Options } from "../../../server/index.ts";
import { openStorage } from "../../../server/storage/open.ts";
import { runTraining } from "../../../server/trainings/process.ts";
import { png } from "../../../support/pictures.ts";
import { childPids, untilGone } from "../../../support/processes.ts";
import { startServerProcess } from "../../../support/server-process.ts";
import { activate } from "../../../support/swaps.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { startTestServer, type TestServer } from "../../../support/test-server.ts";
import { TINY_CONFIG } from "../../../support/tiny-training.ts";

const IMAGES = 40;
/** The steps of a training that nobody waits for. */
const ENDLESS = 1_000_000;

describe("trainings", function () {
  this.timeout(180_000);
  let server: TestServer;
  let client: Client;
  /** Steps of the trainings that are started, and the arguments of the last one. */
  let epochs: number;
  let asked: readonly string[];
  /** Called when a stored file is opened. */
  let onOpen = () => {};

  const start = async (options: Options = {}) => {
    server = await startTestServer(
      { trainings: true, ...options },
      {
        openStorage: async (...places) => {
          const storage = await openStorage(...places);
          const open = (sha256: string) => {
            onOpen();
            return storage.images.open(sha256);
          };
          return { ...storage, images: { ...storage.images, open } };
        },
        runTraining: async (args, how) => {
          asked = args;
          const minutes = args.indexOf("--minutes");
          const shorter = args.toSpliced(minutes, 2, "--epochs", String(epochs));
          // So small a network leaves a second thread nothing to do, and it would spin while it waits.
          return runTraining([...shorter, "--threads", "1", "--config", await smallConfig()], how);
        },
      },
    );
    client = createClient(server.url, { attempts: 1 });
  };
  /** A file of hyper-parameters that make a training short; the others are those that it has anyway. */
  const smallConfig = async () => {
    const path = join(server.dataFolder, "small.json");
    const { imageSize, storedSize, architecture } = TINY_CONFIG;
    await writeFile(path, JSON.stringify({ imageSize, storedSize, architecture, headWidth: 16 }));
    return path;
  };
  const upload = async (count: number) => {
    const seeds = Array.from({ length: count }, (_, seed) => seed);
    const files = await Promise.all(
      seeds.map(async (seed) => ({ name: `${seed}.png`, bytes: await png(seed + 1, { width: 16, height: 16 }) })),
    );
    await client.storeImages(
      [...files, ...files.slice(0, 3)], // the same bytes again are nothing new
      { metadata: [...seeds, 0, 1, 2].map((seed) => ({ label: seed % 2 ? "odd/one" : "even" })) },
    );
  };
  const training = (name: string) => client.getTraining(name);
  const until = async (name: string, fits: (one: TrainingView) => boolean): Promise<TrainingView> => {
    const deadline = Date.now() + 90_000;
    for (;;) {
      const view = trainingSchema.parse(await training(name));
      if (fits(view)) return view;
      assert.ok(
        Date.now() < deadline && view.state !== "failed",
        JSON.stringify({ ...view, curve: view.curve.length }),
      );
      await sleep(100);
    }
  };
  const ended = (name: string) => until(name, hasStopped);
  const learning = (name: string) => until(name, ({ state, curve }) => state === "running" && curve.length > 4);
  const parts = (name: string) => readdir(join(server.dataFolder, "trainings", name));
  const pids = () => childPids("cli/main");

  /** It shows its report and pictures, and nothing else of its folder. */
  const showsFiles = async () => {
    const { files, progress } = await training("mine");
    assert.deepEqual(files, ["report.html", "views.png", `neighbours-${progress!.imagesSeen}.png`]);
    for (const file of files) {
      const bytes = Buffer.from(await (await client.getTrainingFile("mine", file)).arrayBuffer());
      if (file.endsWith(".png")) assert.ok((await sharp(bytes).metadata()).width > 16);
    }
    const report = await server.http.get("/v1/trainings/mine/files/report.html").expect(200);
    assert.match(report.headers["content-type"]!, /^text\/html/);
    assert.match(report.headers["content-security-policy"]!, /default-src 'none'.*; sandbox$/);
    assert.match(report.text, /<h1>mine<\/h1>/);
    const hidden = [
      "config.json",
      "metrics.jsonl",
      "checkpoint.safetensors",
      "..%2Ftraining.json",
      "%2e%2e",
      "views.png%00",
    ];
    for (const name of hidden) await server.http.get(`/v1/trainings/mine/files/${name}`).expect(404);
  };

  beforeEach(async () => {
    epochs = 3;
    onOpen = () => {};
    await start();
  });
  afterEach(async () => {
    const left = pids();
    await server.close();
    await untilGone(left, 1);
  });

  it("a training goes from its start, with a report, to a model that answers", async () => {
    await upload(IMAGES);
    assert.deepEqual(await client.listTrainings(), { trainings: [], enabled: true });
    const begun = await client.startTraining({ name: "mine", minutes: 1, threads: 1 });
    assert.deepEqual([begun.name, begun.state, begun.images, begun.minutes], ["mine", "preparing", IMAGES, 1]);
    const states = new Set<string>();
    let last: TrainingView | undefined;
    for await (const view of client.followTraining("mine")) {
      states.add(view.state);
      last = view;
    }
    assert.deepEqual([...states].at(0), "preparing");
    assert.deepEqual([last!.state, last!.model, last!.images, last!.error], ["done", "mine", IMAGES, undefined]);
    assert.deepEqual(last, await training("mine"));
    assert.equal(last!.progress!.fraction, 1);
    assert.equal(last!.progress!.imagesSeen, last!.curve.at(-1)!.imagesSeen);
    assert.ok(last!.curve.every(({ loss, ownKeyFound }) => loss > 0 && ownKeyFound >= 0 && ownKeyFound <= 1));
    assert.ok(
      last!.curve.some(({ knn }) => knn! >= 0),
      "labels are folders, so kNN is measured",
    );
    assert.ok(last!.verdict!.message.length > 10);
    assert.deepEqual((await parts("mine")).sort(), ["images.txt", "run", "training.json"]);
    await showsFiles();

    const { state } = await activate(server, "mine", { force: true });
    assert.equal(state, "active");
    const [image] = (await client.listImages()).images;
    const { model, matches } = await client.search({ id: image!.id, k: 3 });
    assert.deepEqual([model.name, matches.length], ["mine", 3]);

    await server.restart();
    client = createClient(server.url);
    assert.deepEqual((await client.listTrainings()).trainings, [last]);
    const after = await client.startTraining({ name: "after", init: "mine" });
    assert.equal(after.begunFrom, "mine");
    assert.equal((await ended("after")).state, "done");
    assert.deepEqual(
      (await client.listTrainings()).trainings.map(({ name }) => name),
      ["after", "mine"],
    );
    for (const name of ["mine", "after"]) await client.deleteTraining(name);
    assert.deepEqual(await readdir(join(server.dataFolder, "trainings")), []);
    assert.equal((await client.getModel("after")).state, "available");
  });

  it("one that is stopped goes on with the images that it began with, and refuses others meanwhile", async () => {
    await upload(IMAGES);
    epochs = 120; // 240 steps
    await client.startTraining({ name: "mine" });
    await assert.rejects(client.startTraining({ name: "second" }), { code: "training_in_progress" });
    await assert.rejects(client.deleteTraining("mine"), { code: "training_in_progress" });
    const { progress } = await learning("mine");
    assert.ok(progress!.fraction > 0 && progress!.fraction < 1 && progress!.secondsLeft! >= 0);
    assert.ok(getPriority(pids()[0]) >= 10);
    await client.stopTraining("mine");
    const stopped = await ended("mine");
    assert.equal(stopped.state, "stopped");
    await assert.rejects(client.stopTraining("mine"), { code: "training_ended" });
    assert.deepEqual((await parts("mine")).sort(), ["images.txt", "run", "training.json"]);

    const [image] = (await client.listImages({ order: "newest" })).images;
    await client.changeImage(image!.id, { label: "another" });
    await client.storeImages([{ name: "new.png", bytes: await png(99) }]);
    const again = await client.resumeTraining("mine");
    assert.ok(again.state === "preparing" && again.curve.length > 0);
    const { state, images, curve, error } = await ended("mine");
    assert.deepEqual([state, images, error], ["done", IMAGES, undefined]);
    assert.ok(asked.includes("--resume"));
    assert.equal(curve.at(-1)!.imagesSeen, 240 * 16);
    await assert.rejects(client.resumeTraining("mine"), { code: "training_ended" });
  });

  it("an image that is gone keeps a training from going on, and says so", async () => {
    await upload(20);
    epochs = ENDLESS;
    await client.startTraining({ name: "mine" });
    await learning("mine");
    await client.stopTraining("mine");
    await ended("mine");
    const { images } = await client.listImages({ limit: 1 });
    await client.deleteImages(
      (await client.listImages()).images.flatMap((one) => (one.sha256 === images[0]!.sha256 ? [one.id] : [])),
    );
    await client.resumeTraining("mine");
    const { state, error } = await ended("mine");
    assert.equal(state, "failed");
    assert.match(error!, /is not stored any more/);
    assert.deepEqual((await parts("mine")).sort(), ["images.txt", "run", "training.json"]);
  });

  it("a process that crashes is a failure with its last words; it can be tried again", async () => {
    await upload(IMAGES);
    epochs = ENDLESS;
    await client.startTraining({ name: "mine" });
    await learning("mine");
    process.kill(pids()[0]!, "SIGKILL");
    const { state, error } = await ended("mine");
    assert.equal(state, "failed");
    assert.match(error!, /SIGKILL\. The last that it said:\n- /);
    epochs = 1;
    await client.resumeTraining("mine");
    assert.equal((await ended("mine")).state, "done");
  });

  it("what the command refuses is its failure", async () => {
    await upload(IMAGES);
    epochs = -1;
    await client.startTraining({ name: "mine" });
    const { state, error } = await ended("mine");
    assert.equal(state, "failed");
    assert.match(error!, /epochs/);
  });

  it("stops with a checkpoint where the server stops, and is there after the restart", async () => {
    await upload(IMAGES);
    epochs = ENDLESS;
    await client.startTraining({ name: "mine" });
    await learning("mine");
    const running = pids();
    assert.equal(running.length, 1);
    await server.restart();
    await untilGone(running, 1);
    client = createClient(server.url);
    const { state, curve } = await training("mine");
    assert.equal(state, "stopped");
    assert.ok(curve.length > 4);
    await access(join(server.dataFolder, "trainings", "mine", "run", "checkpoint.safetensors"));
    assert.deepEqual((await parts("mine")).sort(), ["images.txt", "run", "training.json"]);
  });

  it("outlives no server that is killed, and can go on from what it kept then", async () => {
    const { folder, remove } = await temporaryFolder();
    let process = await startServerProcess(folder, ["--threads", "1"]);
    try {
      client = createClient(process.url);
      assert.equal((await client.listTrainings()).enabled, true, "the command serve starts trainings");
      await upload(IMAGES);
      await client.startTraining({ name: "mine", minutes: 60 });
      await learning("mine");
      const running = childPids("cli/main", process.child.pid);
      assert.equal(running.length, 1);
      await process.stop("SIGKILL");
      await untilGone(running, 30);
      await access(join(folder, "data", "trainings", "mine", "run", "checkpoint.safetensors"));
      process = await startServerProcess(folder, ["--threads", "1"]);
      client = createClient(process.url);
      const { state, curve } = await training("mine");
      assert.ok(state === "stopped" && curve.length > 4);
      await client.resumeTraining("mine");
      await until("mine", (one) => one.state === "running" && one.curve.length > curve.length);
      await client.stopTraining("mine");
      assert.equal((await ended("mine")).state, "stopped");
      assert.equal(await process.stop(), 0);
      process = await startServerProcess(folder, ["--threads", "1", "--no-trainings"]);
      assert.equal((await createClient(process.url).listTrainings()).enabled, false);
    } finally {
      await process.stop();
      await remove();
    }
  });

  it("takes no room of a disk that is full, and leaves nothing behind", async function () {
    if (process.platform !== "linux") this.skip();
    await upload(IMAGES);
    const reserve = join(server.dataFolder, "reserve");
    const fill = () => {
      rmSync(reserve, { force: true });
      symlinkSync("/dev/full", reserve); // there is no room for it again
    };
    fill();
    await assert.rejects(client.startTraining({ name: "mine" }), { code: "storage_full" });
    await assert.rejects(parts("mine"), { code: "ENOENT" });

    await rm(reserve);
    let opened = 0;
    onOpen = () => {
      if (++opened === 10) fill();
    };
    await client.startTraining({ name: "mine" });
    const { state, error } = await ended("mine");
    assert.equal(state, "failed");
    assert.match(error!, /no room left/);
    assert.deepEqual(await parts("mine"), ["images.txt", "training.json"]);
    await rm(reserve, { force: true });
    await client.resumeTraining("mine");
    assert.equal((await ended("mine")).state, "done");
  });

  it("refuses bad names, names that are taken, models without weights, and too few images", async () => {
    await upload(15);
    await assert.rejects(client.startTraining({ name: "mine" }), { code: "invalid_dataset" });
    await upload(20);
    for (const name of ["", "../up", ".hidden", "a/b", "x".repeat(65), "a.tmp"]) {
      await assert.rejects(client.startTraining({ name }), { code: "invalid_request" });
    }
    for (const minutes of [0, 0.5, 1441, "30"]) {
      await assert.rejects(client.startTraining({ minutes: minutes as number }), { code: "invalid_request" });
    }
    for (const name of ["default", "other"]) {
      await assert.rejects(client.startTraining({ name }), { code: "model_exists" });
    }
    await assert.rejects(client.startTraining({ init: "other" }), { code: "invalid_checkpoint" });
    await assert.rejects(client.startTraining({ init: "none" }), { code: "model_not_found" });
    await assert.rejects(client.getTraining("none"), { code: "training_not_found" });
    const { name } = await client.startTraining();
    assert.match(name, /^trained-\d{4}-\d\d-\d\d-\d{6}$/);
    await client.stopTraining(name);
    assert.equal((await ended(name)).state, "stopped");
    await assert.rejects(client.startTraining({ name }), { code: "training_exists" });
    assert.deepEqual(await readdir(join(server.dataFolder, "trainings")), [name]);
  });

  it("is off unless it is asked for, or where models cannot be written, and shows what there is", async () => {
    await upload(20);
    const { name } = await client.startTraining();
    await client.stopTraining(name);
    await ended(name);
    await server.restart({ trainings: undefined });
    client = createClient(server.url);
    const { trainings, enabled } = await client.listTrainings();
    assert.deepEqual([trainings.length, enabled], [1, false]);
    await assert.rejects(client.startTraining(), { code: "trainings_off" });
    await assert.rejects(client.resumeTraining(name), { code: "trainings_off" });
    await client.deleteTraining(name);
    await writeFile(join(server.dataFolder, "file"), "");
    await server.restart({ trainings: true, models: join(server.dataFolder, "file", "models"), model: "default" });
    client = createClient(server.url);
    assert.equal((await client.listTrainings()).enabled, false);
    await assert.rejects(client.startTraining(), /models folder/);
  });

  it("a training that was cut off with the server is stopped, or done where its model is there", async () => {
    await upload(IMAGES);
    await client.startTraining({ name: "mine" });
    await ended("mine");
    await client.startTraining({ name: "cut" });
    await client.stopTraining("cut");
    await ended("cut");
    for (const name of ["mine", "cut"]) {
      const path = join(server.dataFolder, "trainings", name, "training.json");
      const { course: _, ...record } = JSON.parse(await readFile(path, "utf8"));
      await writeFile(path, JSON.stringify({ ...record, state: "running" }));
    }
    await writeFile(join(server.dataFolder, "trainings", "a file"), "");
    await server.restart();
    client = createClient(server.url);
    assert.deepEqual(
      (await client.listTrainings()).trainings.map(({ name, state }) => [name, state]),
      [
        ["cut", "stopped"],
        ["mine", "done"],
      ],
    );
    assert.ok((await training("mine")).curve.length > 0);
  });
});
