import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { AppError } from "../../../core/errors.ts";
import { readOnnx } from "../../../core/model.ts";
import { type EncoderClient, startEncoder } from "../../../server/encoder/client.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { writeTinyModel } from "../../../support/tiny-model.ts";

describe("the encoder process, seen from the server", () => {
  const logger = pino({ level: "silent" });
  let client: EncoderClient;
  let pixels: Uint8Array;
  let remove: () => Promise<void>;

  before(async () => {
    const temporary = await temporaryFolder();
    remove = temporary.remove;
    const model = await writeTinyModel(temporary.folder, "tiny");
    const { height, width } = model.card.input;
    pixels = new Uint8Array(height * width * 3).fill(90);
    client = await startEncoder(
      { card: model.card, read: () => readOnnx(model) },
      { device: "cpu", threads: 1, openSeconds: 30, runSeconds: 30, maxEncoderBytes: 1e9 },
      { logger, signal: new AbortController().signal },
    );
  });
  after(async () => {
    await client.close();
    await remove();
  });

  const isUnavailable = (error: unknown) => error instanceof AppError && error.code === "encoder_unavailable";

  it("refuses a request that it sends to a process killed a moment ago, and answers again later", async () => {
    const before = await client.run(pixels, 1);
    process.kill(client.pid!, "SIGKILL");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300); // gone, and its end not noticed: this thread sleeps
    assert.ok(client.pid, "the end has been noticed already");
    await assert.rejects(client.run(pixels, 1), isUnavailable);
    for (let tries = 0; ; tries++) {
      const answer = await client.run(pixels, 1).catch((error) => {
        if (!isUnavailable(error) || tries > 300) throw error;
      });
      if (answer) {
        assert.deepEqual(answer, before);
        break;
      }
      await sleep(50);
    }
  });
});
