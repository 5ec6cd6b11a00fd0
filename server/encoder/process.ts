// The process that one generation's encoder lives in: it computes and nothing else, so that a run never blocks the
// server and a swap returns all memory.
import { readImageInfo } from "../../core/decode.ts";
import type { Device } from "../../core/device.ts";
import { decodeForEncoder, type EncoderSession, openEncoder } from "../../core/encoder-session.ts";
import { AppError } from "../../core/errors.ts";
import type { LoadedModel } from "../../core/model-folder.ts";
import { PIXEL_LIMITS, sharesOf } from "../decoding/cost.ts";
import { createShareQueue } from "../decoding/share-queue.ts";
import { endWithParent } from "../processes/end-with-parent.ts";
import { toPlainError } from "../processes/plain-error.ts";
import type { EncoderOptions, FromEncoder, ToEncoder, Undecodable } from "./messages.ts";

let session: Promise<EncoderSession> | undefined;

endWithParent();

// A send to a server that is gone fails; this process ends then.
const send = (message: FromEncoder) => process.send!(message, undefined, {}, () => {});

process.on("message", async (message: ToEncoder) => {
  if ("open" in message) {
    const opened = readInput(message.bytes).then((onnx) => openOn({ card: message.open, onnx }, message.options));
    session = opened.then(({ session }) => session);
    session.catch(() => {}); // reported below
    opened.then(
      ({ device, fellBack }) => send({ ready: true, device, ...(fellBack && { fellBack }) }),
      (error) => send({ refused: toPlainError(error) }),
    );
    return;
  }
  try {
    const opened = await session!;
    if ("files" in message) send({ id: message.id, ...(await embedFiles(opened, message.files)) });
    else send({ id: message.id, embeddings: await opened.embed(message.pixels, message.count) });
  } catch (error) {
    send({ id: message.id, error: toPlainError(error) });
  }
});

/** The first `length` bytes of the standard input. */
async function readInput(length: number): Promise<Uint8Array> {
  const bytes = Buffer.alloc(length);
  let at = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) at += chunk.copy(bytes, at);
  return bytes;
}

/** Files of a batch that are decoded at a time, where all together are not too large. */
const DECODERS = 4;
const shares = createShareQueue();

/** Embeds image files: [files, D], and which of them cannot be decoded. */
async function embedFiles({ card, embed }: EncoderSession, files: readonly Uint8Array[]) {
  const { input } = card;
  const imageBytes = input.width * input.height * 3;
  const pixels = new Uint8Array(files.length * imageBytes);
  const undecodable: Undecodable[] = [];
  const next = files.entries();
  const decode = async () => {
    for (const [i, file] of next) {
      try {
        // Stored files were within the limits when they came.
        const info = await readImageInfo(file, Number.POSITIVE_INFINITY);
        const decodeOne = () => decodeForEncoder(file, input, undefined, Number.POSITIVE_INFINITY);
        pixels.set(await shares.run(sharesOf(info, PIXEL_LIMITS), decodeOne), i * imageBytes);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        undecodable.push({ file: i, error: toPlainError(error) });
      }
      send({ alive: true });
    }
  };
  await Promise.all(Array.from({ length: DECODERS }, decode));
  return { embeddings: await embed(pixels, files.length), undecodable };
}

const ACCELERATORS: Partial<Record<NodeJS.Platform, Device>> = { linux: "cuda", darwin: "coreml", win32: "dml" };

/** Opens the model on its device; `fellBack` says why `auto` did not use the accelerator. */
async function openOn(
  model: LoadedModel,
  { device, threads }: EncoderOptions,
): Promise<{ session: EncoderSession; device: Device; fellBack?: string }> {
  if (device !== "auto") return { session: await openEncoder(model, { device, threads }), device };
  const accelerator = ACCELERATORS[process.platform] ?? "cpu";
  try {
    return { session: await openEncoder(model, { device: accelerator, threads }), device: accelerator };
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "device_unavailable") throw error;
    return { session: await openEncoder(model, { threads }), device: "cpu", fellBack: error.message };
  }
}
