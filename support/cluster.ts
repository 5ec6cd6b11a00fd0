// Real servers that share a PostgreSQL database and a file store, in this process.
import { join } from "node:path";
import request from "supertest";
import { type Options, type RunningServer, start } from "../server/index.ts";
import { openSharedStorage } from "../server/storage/open-shared.ts";
import { png } from "./pictures.ts";
import { createDatabase } from "./postgres.ts";
import { S3_KEYS, startS3Server } from "./s3-server.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { writeTinyModel } from "./tiny-model.ts";

export interface ClusterServer {
  readonly url: string;
  readonly http: ReturnType<typeof request>;
  close(): Promise<void>;
}

export interface Cluster {
  readonly database: string;
  readonly files: string;
  readonly modelsFolder: string;
  /** Starts one more server. */
  startServer(options?: Options): Promise<ClusterServer>;
  close(): Promise<void>;
}

/** Uploads the picture of a seed to a server; the image as it answers. */
export const uploadTo = async ({ http }: ClusterServer, seed: number) =>
  (
    await http
      .post("/v1/images")
      .attach("image", await png(seed), "a.png")
      .expect(201)
  ).body.images[0];

/** Asks a server for images like the picture of a seed; its answer. */
export const searchOn = async ({ http }: ClusterServer, seed: number) =>
  (
    await http
      .post("/v1/search")
      .attach("image", await png(seed), "a.png")
      .expect(200)
  ).body;

/**
 * Makes an empty storage and the tiny models `default` and `other`; no server is started yet. Options as
 * `createDatabase`.
 */
export async function createCluster(options: { ends?: boolean } = {}): Promise<Cluster> {
  Object.assign(process.env, S3_KEYS);
  const { folder, remove } = await temporaryFolder();
  const [database, s3] = await Promise.all([createDatabase(options), startS3Server()]);
  const modelsFolder = join(folder, "models");
  await writeTinyModel(modelsFolder, "default", { seed: 1 });
  await writeTinyModel(modelsFolder, "other", { seed: 2, dimensions: 24, size: 24 });
  const servers: RunningServer[] = [];
  return {
    database: database.url,
    files: s3.url,
    modelsFolder,
    async startServer(options = {}) {
      const asked = {
        database: database.url,
        files: s3.url,
        data: join(folder, `data-${servers.length}`),
        models: modelsFolder,
        port: 0,
        threads: 1,
        maxBatch: 8,
        openSeconds: 600, // several encoders start at once, perhaps on a busy machine
        logLevel: process.env.MOCO_SEARCH_TEST_LOG === "1" ? "info" : "silent",
        ...options,
      } as const;
      // A module that tests import while they run is another one than what they import at first, with errors of its
      // own.
      const server = await start(asked, { openSharedStorage });
      servers.push(server);
      return { url: server.url, http: request(server.url), close: () => server.close() };
    },
    async close() {
      for (const server of servers) await server.close();
      await s3.close();
      await database.remove();
      await remove();
    },
  };
}
