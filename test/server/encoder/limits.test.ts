// Encoders that never finish, or take all memory.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { onnx } from "onnx-proto";
import { pino } from "pino";
import { readOnnx } from "../../../core/model.ts";
import { startEncoder } from "../../../server/encoder/client.ts";
import { endlessLoop, endlessLoopOfTwo, hugeConstant } from "../../../support/hostile-models.ts";
import { encoderPids, untilGone } from "../../../support/processes.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { writeTinyModel } from "../../../support/tiny-model.ts";

const LIMITS = { device: "cpu", threads: 1, openSeconds: 30, runSeconds: 30, maxEncoderBytes: 1e9 } as const;

describe("an encoder that passes a limit", () => {
  let folder: string;
  let remove: () => Promise<void>;
  before(async () => {
    ({ folder, remove } = await temporaryFolder());
  });
  after(() => remove());
  afterEach(() => untilGone(encoderPids(), 5));

  let models = 0;
  const start = async (norm: onnx.INodeProto[], limits = {}, { signal } = new AbortController()) => {
    const model = await writeTinyModel(folder, `bad-${models++}`, { norm });
    const source = { card: model.card, read: () => readOnnx(model) };
    return startEncoder(source, { ...LIMITS, ...limits }, { logger: pino({ level: "silent" }), signal });
  };
  const pixelsOf = (count: number) => new Uint8Array(count * 16 * 16 * 3).fill(90);

  it("is refused where it does not open in time", async () => {
    await assert.rejects(start(endlessLoop(), { openSeconds: 2 }), {
      code: "invalid_model",
      message: /was not open after 2 seconds \(openSeconds\)/,
    });
  });

  it("is refused where it takes too much memory to open", async () => {
    await assert.rejects(start(hugeConstant(), { maxEncoderBytes: 400e6 }), {
      code: "invalid_model",
      message: /took more than 400 MB of memory \(maxEncoderBytes\)/,
    });
  });

  it("is killed at once by an abort while it opens", async () => {
    const abort = new AbortController();
    const reason = new Error("cancelled");
    const opening = assert.rejects(start(endlessLoop(), {}, abort), reason);
    while (encoderPids().length === 0) await sleep(50);
    await sleep(1500); // by now it is in the loop
    abort.abort(reason);
    await opening;
    await untilGone(encoderPids(), 5);
  });

  it("is killed at once by an abort while it computes, and not started again", async () => {
    const abort = new AbortController();
    const client = await start(endlessLoopOfTwo(), {}, abort);
    await client.run(pixelsOf(1), 1);
    const hanging = assert.rejects(client.run(pixelsOf(2), 2), /cancelled/);
    await sleep(500);
    abort.abort(new Error("cancelled"));
    await hanging;
    await sleep(1000);
    assert.deepEqual(encoderPids(), []);
  });

  it("is started again where a run hangs", async () => {
    const client = await start(endlessLoopOfTwo(), { runSeconds: 1 });
    await assert.rejects(client.run(pixelsOf(2), 2), {
      code: "encoder_unavailable",
      message: /took longer than 1 seconds for a run/,
    });
    while (client.pid === undefined) await sleep(50);
    assert.equal((await client.run(pixelsOf(1), 1)).length, 16);
    await client.close();
  });
});
