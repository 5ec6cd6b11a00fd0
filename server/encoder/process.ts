// The process that one generation's encoder lives in: it computes and nothing else, so that a run never blocks the
// server and a swap returns all memory.
import type { Device } from "../../core/device.ts";
import { type EncoderSession, openEncoder } from "../../core/encoder-session.ts";
import { AppError } from "../../core/errors.ts";
import type { LoadedModel } from "../../core/model.ts";
import { endWithParent } from "../processes/end-with-parent.ts";
import { toPlainError } from "../processes/plain-error.ts";
import type { EncoderOptions, FromEncoder, ToEncoder } from "./messages.ts";

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
    if ("files" in message) {
      // What decodes is loaded when it is needed: a process opens its model in a third of the time.
      const { embedFiles } = await import("./embed-files.ts");
      send({ id: message.id, ...(await embedFiles(opened, message.files, () => send({ alive: true }))) });
    } else if ("picture" in message) {
      const { findShape } = await import("../shapes/see.ts");
      const found = await findShape(opened, message.picture, message.shape, () => send({ alive: true }));
      send({ id: message.id, found });
    } else send({ id: message.id, embeddings: await opened.embed(message.pixels, message.count) });
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
