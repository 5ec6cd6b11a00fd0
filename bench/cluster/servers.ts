// Uploads and a swap with so many servers of one storage.
import { join } from "node:path";
import pMap from "p-map";
import type { SwapView } from "../../server/domain/swap.ts";
import { picture } from "../../support/pictures.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { untilEnded } from "../../support/swaps.ts";
import { writeTinyModel } from "../../support/tiny-model.ts";

/** Uploads under way at each server. */
const CONNECTIONS = 8;
const SIZE = { width: 256, height: 256 };

export interface ServersReport {
  readonly servers: number;
  /** Of one JPEG file each. */
  readonly uploadsPerSecond: number;
  /** From the request to the switch, without other requests. */
  readonly swapSeconds: number;
  readonly backfillPerSecond: number;
}

/** Measures so many servers with `images` images and the tiny models. */
export async function measureServers(
  { folder, database, files }: { folder: string; database: string; files: string },
  { servers: count, images }: { servers: number; images: number },
): Promise<ServersReport> {
  const models = join(folder, "models");
  await writeTinyModel(models, "default", { seed: 1 });
  await writeTinyModel(models, "other", { seed: 2, dimensions: 24, size: 24 });
  const servers: ServerProcess[] = [];
  try {
    for (let i = 0; i < count; i++) {
      const flags = ["--database", database, "--files", files, "--data", join(folder, `data-${i}`), "--threads", "1"];
      servers.push(await startServerProcess(folder, flags));
    }
    const jpegs = await pMap(Array.from({ length: images }).keys(), (seed) => picture(seed, SIZE).jpeg().toBuffer(), {
      concurrency: 4,
    });
    const upload = async (jpeg: Buffer, i: number) => {
      const body = new FormData();
      body.append("image", new Blob([new Uint8Array(jpeg)]), "a.jpg");
      const { status } = await fetch(`${servers[i % count]!.url}/v1/images`, { method: "POST", body });
      if (status !== 201) throw new Error(`Expected an upload to be answered with 201 but it was ${status}.`);
    };
    const began = performance.now();
    await pMap(jpegs, upload, { concurrency: CONNECTIONS * count });
    const uploadsPerSecond = (1000 * images) / (performance.now() - began);
    return { servers: count, uploadsPerSecond, ...(await measureSwap(servers[0]!.url, images)) };
  } finally {
    for (const server of servers) await server.stop();
  }
}

async function measureSwap(url: string, images: number) {
  const began = performance.now();
  const response = await fetch(`${url}/v1/models/other/activate`, { method: "POST" });
  const { swap } = (await response.json()) as { swap: SwapView };
  let filling = 0;
  let filled = 0;
  const { state, error } = await untilEnded<SwapView>(async () => {
    const now = (await (await fetch(`${url}/v1/swaps/${swap.id}`)).json()) as SwapView;
    if (now.state === "backfilling") filling ||= performance.now();
    else if (filling) filled ||= performance.now();
    return now;
  }, 600_000);
  if (state !== "active") throw new Error(`Expected a switch but the swap ended as ${state}: ${error?.detail}`);
  const swapSeconds = (performance.now() - began) / 1000;
  return { swapSeconds, backfillPerSecond: (1000 * images) / (filled - filling) };
}
