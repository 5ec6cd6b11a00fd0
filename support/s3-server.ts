// An S3 server for tests: s3rver, in this process, on a free port and in a temporary folder.
//
// What it answers otherwise than S3 does: it knows one pair of keys and no rights below that, so nothing is ever
// read-only. A wrong secret passes: the signature of requests about a whole bucket comes out otherwise than the present
// client's (/moco where that signs /moco/), so only the key's id is checked. The second version of listing fails where
// there is more than a page, as it asks OpenSSL for a cipher that is gone. It takes objects of any size in one piece,
// has no quota, and stores the trailing checksums of newer clients as bytes of the object, which the settings of
// server/storage/s3/bucket.ts avoid. Who reads an object while it is put again gets a part of it.
import type { Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { temporaryFolder } from "./temporary-folder.ts";

const S3rver = createRequire(import.meta.url)("@20minutes/s3rver") as new (
  options: object,
) => {
  run(): Promise<AddressInfo>;
  readonly httpServer: Server;
  close(): Promise<void>;
};

export const S3_KEYS = { AWS_ACCESS_KEY_ID: "S3RVER", AWS_SECRET_ACCESS_KEY: "S3RVER" };

export interface S3Server {
  readonly endpoint: string;
  /** Address of a bucket that is there. */
  readonly url: string;
  /** Folder of the bucket's objects. */
  readonly folder: string;
  close(): Promise<void>;
}

/** Starts a server with the bucket `moco`; its keys must be in the environment of who uses it. */
export async function startS3Server(port = 0): Promise<S3Server> {
  const { folder, remove } = await temporaryFolder();
  const options = {
    address: "127.0.0.1",
    port,
    directory: folder,
    silent: true,
    configureBuckets: [{ name: "moco" }],
    allowMismatchedSignatures: true,
  };
  const server = new S3rver(options);
  const address = await server.run();
  const endpoint = `http://127.0.0.1:${address.port}`;
  return {
    endpoint,
    url: `s3://moco/images?endpoint=${endpoint}`,
    folder: join(folder, "moco"),
    async close() {
      const closed = server.close();
      server.httpServer.closeAllConnections(); // a client that is gone or stopped would hold it open
      await closed;
      await remove();
    },
  };
}
