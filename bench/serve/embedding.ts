// Embedding over HTTP beside the bare bound: decoding and running the same model with the same batches in one process.
import { cpus } from "node:os";
import { join } from "node:path";
import { decodeImage } from "../../core/decode.ts";
import { openEncoder } from "../../core/encoder-session.ts";
import { readModel } from "../../core/model-folder.ts";
import { packageRoot } from "../../core/paths.ts";
import { picture } from "../../support/pictures.ts";
import { startServerProcess } from "../../support/server-process.ts";
import { middle, spread } from "../sides.ts";
import { createRate, fire, SETTLING } from "./load.ts";

/** Images of one batch, and of one request. */
const BATCH = 32;
/** Requests under way, so that the encoder always finds a whole batch. */
const CONNECTIONS = 4;
/** Of bound and server in turn; medians count. */
const ROUNDS = 7;

export interface EmbedReport {
  readonly image: string;
  readonly imagesPerSecond: number;
  readonly bound: number;
  /** What part of the bound it is, round by round: the median; the least and the most. */
  readonly ratio: number;
  readonly ratios: readonly [number, number];
}

/** Embeds JPEG files of this size with the default model. `folder` is empty. */
export async function measureEmbedding(
  folder: string,
  { width, height, seconds }: { width: number; height: number; seconds: number },
): Promise<EmbedReport> {
  const models = join(packageRoot(), "models");
  const files = await Promise.all(
    Array.from({ length: BATCH }, (_, seed) => picture(seed, { width, height }).jpeg({ quality: 85 }).toBuffer()),
  );
  const server = await startServerProcess(folder, ["--models", models]);
  try {
    const shot = await asShot(files);
    const rounds: Array<{ http: number; bound: number }> = [];
    await fire(server.url, [shot], { connections: CONNECTIONS, seconds: 1 });
    for (let round = 0; round < ROUNDS; round++) {
      const { requestsPerSecond } = await fire(server.url, [shot], { connections: CONNECTIONS, seconds });
      rounds.push({ http: requestsPerSecond * BATCH, bound: await bareRate(models, files, seconds) });
    }
    const ratesOf = (side: "http" | "bound") => rounds.map((round) => round[side]);
    const ratios = rounds.map(({ http, bound }) => http / bound);
    return {
      image: `JPEG ${width}×${height}`,
      imagesPerSecond: middle(ratesOf("http"), 0),
      bound: middle(ratesOf("bound"), 0),
      ratio: middle(ratios, 2),
      ratios: spread(ratios, 2),
    };
  } finally {
    await server.stop();
  }
}

async function asShot(files: readonly Buffer[]) {
  const form = new FormData();
  for (const file of files) form.append("image", new Blob([file]), "a.jpg");
  const request = new Request("http://localhost", { method: "POST", body: form });
  const type = request.headers.get("content-type")!;
  return { path: "/v1/embeddings", type, body: Buffer.from(await request.arrayBuffer()) };
}

/** Images a second with nothing but decoding and `session.run`, the next batch decoding while one runs. */
async function bareRate(models: string, files: readonly Buffer[], seconds: number): Promise<number> {
  const model = await readModel(models, "default");
  const session = await openEncoder(model, { threads: cpus().length });
  const { input } = model.card;
  const bytes = input.width * input.height * 3;
  const decode = async () => {
    const pixels = new Uint8Array(BATCH * bytes);
    const decoded = await Promise.all(files.map((file) => decodeImage(file, input)));
    for (const [i, own] of decoded.entries()) pixels.set(own, i * bytes);
    return pixels;
  };
  const until = performance.now() + (SETTLING + seconds) * 1000;
  const embedded = createRate();
  let next = decode();
  while (performance.now() < until) {
    const pixels = await next;
    next = decode();
    await session.embed(pixels, BATCH);
    embedded.count(BATCH);
  }
  await next;
  await session.close();
  return embedded.perSecond();
}
