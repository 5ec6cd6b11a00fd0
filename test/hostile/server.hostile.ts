// Everything that is known to have hurt a server, and its siblings, against a real one. During each attack /livez must
// not wait, memory stays bounded, and what a reader may send costs the server's main thread no more than a second.
//
//   npm run test:hostile
//   MOCO_HOSTILE_ROUNDS=1 npm run test:hostile     each attack once instead of three times, and with shorter deadlines
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import sharp from "sharp";
import { sha256 } from "../../core/hash.ts";
import { writeModel } from "../../core/model-folder.ts";
import { packageRoot } from "../../core/paths.ts";
import type { SwapView } from "../../server/domain/swap.ts";
import { endlessLoop, endlessLoopOfTwo, hugeConstant } from "../../support/hostile-models.ts";
import { jsonBombs } from "../../support/json-bombs.ts";
import { png } from "../../support/pictures.ts";
import { processTree } from "../../support/process-tree.ts";
import { childPids, encoderPids, untilGone } from "../../support/processes.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { type Cost, type ServerWatch, watchServer } from "../../support/server-watch.ts";
import { untilEnded } from "../../support/swaps.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { cardOf, writeTinyModel } from "../../support/tiny-model.ts";

const ROUNDS = Number(process.env.MOCO_HOSTILE_ROUNDS ?? 3);
const MAX_LIVEZ_SECONDS = 1;
const MAX_MEMORY = 1.5 * 1024 ** 3;
/** CPU seconds of the main thread that one request of a reader may cost. */
const MAX_REQUEST_SECONDS = 1;
/** Seconds within which a model must be open, a run of it over and an image decoded. */
const DEADLINE = ROUNDS === 1 ? "20" : "30";
/** What a large image is answered with: on a busy machine its decoding may pass `decodeSeconds`. */
const DECODED_OR_GIVEN_UP = [200, 422];
/** Milliseconds for which clients that do not read are watched. */
const WATCHED_MS = 3000;
/** Images that are there before, during and after everything. */
const IMAGES = 20;

const fixture = (name: string) => readFile(join(packageRoot(), "test/fixtures", name));

describe("a server under attack", function () {
  this.timeout(600_000);
  let server: ServerProcess;
  let watch: ServerWatch;
  let folder: string;
  let remove: () => Promise<void>;
  const costs: Array<{ kind: "input" | "fault"; what: string; cost: Cost }> = [];

  before(async () => {
    ({ folder, remove } = await temporaryFolder());
    const models = join(folder, "models");
    await writeTinyModel(models, "default");
    await writeTinyModel(models, "good", { seed: 2 });
    await writeTinyModel(models, "endless", { norm: endlessLoop() });
    await writeTinyModel(models, "endless-of-two", { norm: endlessLoopOfTwo() });
    await writeTinyModel(models, "huge", { norm: hugeConstant() });
    await writeTinyModel(models, "cut", { seed: 3 });
    await writeFile(join(models, "cut", "encoder.onnx"), "not what the card says");
    await mkdir(join(models, "pipe"));
    execFileSync("mkfifo", [join(models, "pipe", "model.json")]);
    const zeros = Buffer.alloc(300e6);
    await writeModel(models, { ...cardOf({ seed: 4 }), name: "large", sha256: sha256(zeros) }, { onnx: zeros });
    server = await startServerProcess(folder, ["--threads", "1", "--log-level", "silent"], {
      MOCO_SEARCH_OPEN_SECONDS: DEADLINE,
      MOCO_SEARCH_RUN_SECONDS: DEADLINE,
      MOCO_SEARCH_DECODE_SECONDS: DEADLINE,
      MOCO_SEARCH_READ_SECONDS: "5",
    });
    watch = await watchServer(server);
    for (let seed = 0; seed < IMAGES; seed++) await upload(await png(seed), 201);
  });
  after(async () => {
    const pids = processTree(server.child.pid!);
    await watch.close();
    assert.equal(await server.stop(), 0);
    await untilGone(pids, 10);
    await remove();
    for (const kind of ["input", "fault"] as const) {
      console.log(
        `      kinds of ${kind === "input" ? "bad input" : "fault"}: ${costs.filter((one) => one.kind === kind).length}`,
      );
    }
    const most = (of: (cost: Cost) => number) => Math.max(...costs.map(({ cost }) => of(cost)));
    console.log(
      `      /livez waited at most ${most(({ livezSeconds }) => livezSeconds).toFixed(2)} s, memory at most ${Math.round(most(({ memory }) => memory) / 1e6)} MB`,
    );
  });

  const form = (file: Uint8Array, fields: Record<string, string> = {}) => {
    const body = new FormData();
    body.append("image", new Blob([file as Uint8Array<ArrayBuffer>]), "a");
    for (const [name, value] of Object.entries(fields)) body.append(name, value);
    return body;
  };
  /** Sends a request; the answer as JSON where it is, of one of the statuses. */
  const ask = async (method: string, path: string, statuses: number | number[], body?: FormData | string) => {
    const headers = typeof body === "string" ? { "Content-Type": "application/json" } : {};
    const response = await fetch(`${server.url}${path}`, { method, headers, ...(body !== undefined && { body }) });
    const text = await response.text();
    assert.ok([statuses].flat().includes(response.status), `${response.status} ${text.slice(0, 300)}`);
    // biome-ignore lint/suspicious/noExplicitAny: who reads it says what it is
    return (text.startsWith("{") ? JSON.parse(text) : {}) as any;
  };
  const upload = (file: Uint8Array, statuses: number | number[]) => ask("POST", "/v1/images", statuses, form(file));
  const search = (file: Uint8Array, statuses: number | number[], fields = {}) =>
    ask("POST", "/v1/search", statuses, form(file, fields));

  /** Every image is there, is found by itself, and the server has calmed down. */
  const isWhole = async () => {
    for (let tries = 0; (await fetch(`${server.url}/readyz`)).status !== 200; tries++) {
      assert.ok(tries < 600, "the server does not become ready again");
      await sleep(100);
    }
    for (const seed of [0, IMAGES - 1]) {
      const { matches } = await search(await png(seed), 200, { k: "1" });
      assert.ok(matches[0].score > 0.9999, `image ${seed} is not found`);
    }
  };

  const attack = (
    kind: "input" | "fault",
    what: string,
    run: () => Promise<unknown>,
    { requestsOfReader = 0 }: { requestsOfReader?: number } = {},
  ) =>
    it(what, async () => {
      const cost = await watch.costOf(run);
      costs.push({ kind, what, cost });
      const { livezSeconds, memory, mainThreadSeconds } = cost;
      console.log(
        `        /livez ${livezSeconds.toFixed(2)} s, memory ${Math.round(memory / 1e6)} MB, main thread ${mainThreadSeconds.toFixed(2)} s`,
      );
      assert.ok(livezSeconds < MAX_LIVEZ_SECONDS, `/livez waited ${livezSeconds} s`);
      assert.ok(memory < MAX_MEMORY, `${memory / 1e6} MB`);
      if (requestsOfReader > 0) {
        const each = mainThreadSeconds / requestsOfReader;
        assert.ok(each < MAX_REQUEST_SECONDS, `${each} s of the main thread`);
      }
      await isWhole();
    });
  const times = async (count: number, action: (i: number) => Promise<unknown>) => {
    for (let i = 0; i < count; i++) await action(i);
  };
  const together = (count: number, action: (i: number) => Promise<unknown>) =>
    Promise.all(Array.from({ length: count }, (_, i) => action(i)));

  describe("JSON", () => {
    for (const [what, json] of Object.entries(jsonBombs)) {
      attack("input", what, () => times(ROUNDS, () => ask("POST", "/v1/search", 400, json)), {
        requestsOfReader: ROUNDS,
      });
    }
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    attack("input", "lists 100,000 deep", () => ask("POST", "/v1/search", 400, `{"filter":${deep}}`), {
      requestsOfReader: 1,
    });
    attack("input", "three megabytes", () => ask("POST", "/v1/search", 413, `{"id":"${"x".repeat(3e6)}"}`), {
      requestsOfReader: 1,
    });
    attack("input", "metadata that would change silently", async () => {
      for (const metadata of ['{"__proto__":{"a":1}}', '{"a":1e999}', `{"a":${deep}}`]) {
        await ask("POST", "/v1/images", 400, form(await png(1), { metadata }));
      }
    });
    attack("input", "addresses that are none", async () => {
      for (const path of [
        "/v1/images/%00",
        "/v1/images/..%2f..%2fetc",
        "/v1/models/..%2f..",
        "/v1/swaps/%ff",
        `/${"a".repeat(8000)}`,
      ]) {
        await ask("GET", path, [400, 404]);
      }
    });
  });

  describe("images", () => {
    attack("input", "AVIF of 7000×7000", async () => {
      const file = await fixture("7000x7000.avif");
      await together(4 * ROUNDS, () => upload(file, 413));
      await together(4 * ROUNDS, () => search(file, 413));
      await ask("POST", "/v1/embeddings", 413, form(file));
    });

    const many = 2 + 2 * ROUNDS;
    attack("input", `${many} AVIF of 4000×4000: others search and upload meanwhile`, async () => {
      const file = await fixture("4000x4000.avif");
      let isOver = false;
      const heavy = together(many, () => search(file, DECODED_OR_GIVEN_UP)).finally(() => {
        isOver = true;
      });
      let others = 0;
      while (!isOver || others < 3) {
        await search(await png(others), 200);
        if (others++ % 5 === 0) await ask("GET", "/v1/images?limit=5", 200);
      }
      await heavy;
    });

    const large = { create: { width: 7000, height: 7000, channels: 3, background: "#888" } } as const;
    const kinds: Record<string, () => Promise<Buffer>> = {
      "a PNG": () => sharp(large).png({ compressionLevel: 1 }).toBuffer(),
      "an interlaced PNG": () => sharp(large).png({ progressive: true, compressionLevel: 1 }).toBuffer(),
      "a progressive JPEG": () => sharp(large).jpeg({ progressive: true }).toBuffer(),
      "a lossless WebP": () => sharp(large).webp({ lossless: true, effort: 0 }).toBuffer(),
      "a TIFF": () => sharp(large).tiff({ compression: "deflate" }).toBuffer(),
      "a turned JPEG": () => sharp(large).withMetadata({ orientation: 6 }).jpeg().toBuffer(),
    };
    for (const [what, make] of Object.entries(kinds)) {
      let file: Buffer;
      describe(what, () => {
        before(async () => {
          file = await make();
        });
        attack("input", `${what} of 7000×7000, three at once`, () =>
          together(3, () => search(file, DECODED_OR_GIVEN_UP)),
        );
      });
    }

    attack("input", "thumbnails of a large image", async () => {
      const large = await sharp({ create: { width: 4000, height: 3000, channels: 3, background: "#888" } })
        .jpeg()
        .toBuffer();
      const { images } = await upload(large, 201);
      await together(8, (i) => ask("GET", `/v1/images/${images[0].id}/content?size=${64 + i}`, DECODED_OR_GIVEN_UP));
      await ask("DELETE", `/v1/images/${images[0].id}`, 204);
    });

    attack("input", "files that are cut, empty, of another kind, or lie about their size", async () => {
      const whole = await png(1);
      const lie = Buffer.from(whole);
      lie.writeUInt32BE(60_000, 16);
      lie.writeUInt32BE(60_000, 20);
      const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
      for (const file of [whole.subarray(0, 60), Buffer.alloc(0), Buffer.alloc(5000, 7), svg, lie]) {
        await upload(file, [400, 413, 415, 422]);
        await search(file, [400, 413, 415, 422]);
      }
    });
  });

  describe("connections", () => {
    const open = async (head: string): Promise<Socket> => {
      const { hostname, port } = new URL(server.url);
      const socket = connect(Number(port), hostname);
      socket.on("error", () => {});
      await once(socket, "connect");
      socket.write(head);
      return socket;
    };
    const closeAll = (sockets: Socket[]) => {
      for (const socket of sockets) socket.destroy();
    };

    attack("input", "eight unfinished uploads of 60 MB", async () => {
      const part = '--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n';
      const chunk = Buffer.alloc(1024 * 1024);
      const sockets = await together(8, async () => {
        const type = "multipart/form-data; boundary=x";
        const head = `POST /v1/images HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: ${250 * 1024 ** 2}\r\n\r\n`;
        const socket = await open(head);
        for (let file = 0; file < 3; file++) {
          socket.write(part);
          for (let mb = 0; mb < 20; mb++) await new Promise<void>((sent) => socket.write(chunk, () => sent()));
          socket.write("\r\n");
        }
        return socket;
      });
      closeAll(sockets as Socket[]);
    });

    describe("that never read:", () => {
      const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
      let path: string;
      before(async () => {
        const noise = { raw: { width: 3000, height: 3000, channels: 3 } } as const;
        const file = await sharp(randomBytes(3000 * 3000 * 3), noise)
          .png({ compressionLevel: 0 })
          .toBuffer();
        const { images } = await upload(file, 201);
        path = `/v1/images/${images[0].id}`;
      });
      after(() => ask("DELETE", path, 204));

      attack("input", "a hundred requests for a large file in one connection", async () => {
        const socket = await open(get(`${path}/content`).repeat(100));
        await sleep(WATCHED_MS);
        socket.destroy();
      });

      attack("input", "a hundred connections for a large file", async () => {
        const sockets = (await together(100, () => open(get(`${path}/content`)))) as Socket[];
        await sleep(WATCHED_MS);
        closeAll(sockets);
      });

      attack("input", "a hundred connections for lists with much metadata", async () => {
        const file = await png(1);
        const metadata = JSON.stringify({ text: "x".repeat(60_000) });
        const ids: string[] = [];
        for (let i = 0; i < 50; i++) {
          ids.push((await ask("POST", "/v1/images", 201, form(file, { metadata }))).images[0].id);
        }
        const sockets = (await together(100, () => open(get("/v1/images?limit=50")))) as Socket[];
        await sleep(WATCHED_MS);
        closeAll(sockets);
        for (const id of ids) await ask("DELETE", `/v1/images/${id}`, 204);
      });
    });

    attack("input", "two hundred connections that send a header a byte at a time", async () => {
      const sockets = (await together(200, () => open("GET /livez HTTP/1.1\r\nHost: a\r\nX: "))) as Socket[];
      await times(5, async () => {
        for (const socket of sockets) if (socket.writable) socket.write("a");
        await sleep(300);
      });
      closeAll(sockets);
    });
  });

  describe("models", () => {
    const swapOf = (id: string): Promise<SwapView> => ask("GET", `/v1/swaps/${id}`, 200);
    const begin = async (name: string): Promise<string> =>
      (await ask("POST", `/v1/models/${name}/activate`, 202)).swap.id;
    const end = (id: string) => untilEnded(() => swapOf(id), 300_000);
    const failsBecause = (name: string, why: RegExp) => async () => {
      const swap = await end(await begin(name));
      assert.equal(swap.state, "failed");
      assert.match(swap.error!.detail, why);
    };
    attack("input", "one that never finishes opening", failsBecause("endless", /openSeconds/));
    attack("input", "one that never finishes warming", failsBecause("endless-of-two", /runSeconds/));
    attack("input", "one with a constant of 3 GB", failsBecause("huge", /maxEncoderBytes|openSeconds/));
    attack("input", "one of 300 MB that is no model", failsBecause("large", /not an ONNX file|openSeconds/));
    attack("input", "one whose file is another", failsBecause("cut", /SHA-256/));
    attack("input", "one whose card is a pipe", () => ask("POST", "/v1/models/pipe/activate", 422));
    attack("input", "one that is cancelled while it opens", async () => {
      const pids = encoderPids(server.child.pid);
      const id = await begin("endless");
      const isOpening = () => encoderPids(server.child.pid).some((pid) => !pids.includes(pid));
      while (!isOpening()) await sleep(50);
      assert.equal((await ask("POST", `/v1/swaps/${id}/cancel`, 202)).swap.state, "cancelled");
      assert.equal((await end(await begin("good"))).state, "active");
      assert.equal((await end((await ask("POST", "/v1/rollback", 202)).swap.id)).state, "active");
    });
  });

  describe("faults", () => {
    attack("fault", "a stored file is damaged, and another is missing", async () => {
      const harm: Array<(path: string) => Promise<void>> = [rm, (path) => writeFile(path, "others")];
      for (const [i, harmFile] of harm.entries()) {
        const file = await png(100 + i);
        const { id, sha256: hash } = (await upload(file, 201)).images[0];
        await harmFile(join(folder, "data", "files", hash.slice(0, 2), hash));
        assert.match((await ask("GET", `/v1/images/${id}/content`, 500)).detail, new RegExp(id));
        const again = (await upload(file, 201)).images[0];
        await ask("GET", `/v1/images/${id}/content`, 200);
        for (const one of [id, again.id]) await ask("DELETE", `/v1/images/${one}`, 204);
      }
    });
    attack("fault", "the candidate's encoder is killed while it opens", async () => {
      const pids = encoderPids(server.child.pid);
      const { id } = (await ask("POST", "/v1/models/endless/activate", 202)).swap;
      const candidates = () => encoderPids(server.child.pid).filter((pid) => !pids.includes(pid));
      while (candidates().length === 0) await sleep(50);
      for (const pid of candidates()) process.kill(pid, "SIGKILL");
      assert.equal((await untilEnded(() => ask("GET", `/v1/swaps/${id}`, 200), 300_000)).state, "failed");
    });
    const decoders = () => childPids("decoding/process", server.child.pid);
    attack("fault", "the encoder is killed under searches", () =>
      times(ROUNDS, async () => {
        for (const pid of encoderPids(server.child.pid)) process.kill(pid, "SIGKILL");
        await together(5, async (i) => search(await png(i), [200, 503]));
        await isWhole();
      }),
    );
    attack("fault", "the encoder hangs", async () => {
      for (const pid of encoderPids(server.child.pid)) process.kill(pid, "SIGSTOP");
      await together(5, async (i) => search(await png(i), [200, 503]));
    });
    attack("fault", "the decoding process is killed under searches", () =>
      times(ROUNDS, async () => {
        const file = await fixture("4000x4000.avif");
        const searches = together(3, () => search(file, DECODED_OR_GIVEN_UP));
        while (decoders().length === 0) await sleep(50);
        await sleep(300);
        for (const pid of decoders()) process.kill(pid, "SIGKILL");
        await searches;
      }),
    );
    attack("fault", "the decoding process hangs", async () => {
      for (const pid of decoders()) process.kill(pid, "SIGSTOP");
      const file = await fixture("4000x4000.avif");
      await together(2, () => search(file, DECODED_OR_GIVEN_UP));
    });
  });
});
