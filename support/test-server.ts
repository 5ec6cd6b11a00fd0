// A real server on a free port, with its data and models in a temporary folder.
import { join } from "node:path";
import request from "supertest";
import type { Parts } from "../server/assemble.ts";
import type { Options } from "../server/config.ts";
import { type RunningServer, start } from "../server/main.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { writeTinyModel } from "./tiny-model.ts";

export interface TestServer {
  /** Base address. */
  readonly url: string;
  /** Requests to the server. */
  readonly http: ReturnType<typeof request>;
  readonly dataFolder: string;
  readonly modelsFolder: string;
  /** Stops the server and starts it again on the same folders. */
  restart(options?: Options): Promise<void>;
  /** Stops the server and removes its folders. */
  close(): Promise<void>;
}

/**
 * Starts a server with the tiny models `default` (16 dimensions) and `other` (24 dimensions, another input size).
 *
 * @param parts What it is made of in place of its own parts.
 */
export async function startTestServer(options: Options = {}, parts: Partial<Parts> = {}): Promise<TestServer> {
  const { folder, remove } = await temporaryFolder();
  const dataFolder = join(folder, "data");
  const modelsFolder = join(folder, "models");
  await writeTinyModel(modelsFolder, "default", { seed: 1 });
  await writeTinyModel(modelsFolder, "other", { seed: 2, dimensions: 24, size: 24 });
  const open = (more: Options = {}) =>
    start(
      {
        data: dataFolder,
        models: modelsFolder,
        port: 0,
        threads: 1,
        maxBatch: 8,
        logLevel: "silent",
        ...options,
        ...more,
      },
      parts,
    );
  let server: RunningServer = await open();
  return {
    get url() {
      return server.url;
    },
    get http() {
      return request(server.url);
    },
    dataFolder,
    modelsFolder,
    async restart(more) {
      await server.close();
      server = await open(more);
    },
    async close() {
      await server.close();
      await remove();
    },
  };
}
