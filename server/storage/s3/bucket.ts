// Blobs in an S3-compatible store, as <prefix><folder>/ab/abcd…: bytes by their SHA-256, checked whenever they are
// read.
import type { Readable } from "node:stream";
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { AppError } from "../../../core/errors.ts";
import { sha256 as hashOf, sha256InSteps, sha256OfStream } from "../../../core/hash.ts";
import type { Blobs } from "../ports.ts";
import { asStartError, asStorageError, createS3Client, isMissing, listKeys } from "./client.ts";
import { parseS3Location, type S3Location } from "./location.ts";

/** A bucket, open. */
export interface Bucket {
  /** The blobs under a folder of the prefix. */
  blobs(folder: string): Blobs;
  close(): void;
}

/** What the keys must allow. */
const RIGHTS = "GetObject, PutObject, DeleteObject and ListBucket";

/**
 * Opens a bucket and makes sure that it can be written to and read from.
 *
 * @throws AppError `invalid_configuration` where the address, the bucket, the keys or the rights are wrong.
 */
export async function openBucket(text: string): Promise<Bucket> {
  const location = parseS3Location(text);
  const client = createS3Client(location);
  try {
    await checkBucket(client, location);
  } catch (error) {
    client.destroy();
    throw asStartError(error, location, RIGHTS);
  }
  return {
    blobs: (folder) => createBlobs(client, location.bucket, `${location.prefix}${folder}/`),
    close: () => client.destroy(),
  };
}

/** Writes, reads and removes a small object: rights are known before anything depends on them. */
async function checkBucket(client: S3Client, { bucket, prefix }: S3Location): Promise<void> {
  const bytes = Buffer.from(`moco-search ${process.pid} ${Date.now()}`);
  const probe = createBlobs(client, bucket, `${prefix}probes/`);
  await probe.put(hashOf(bytes), bytes);
  await probe.get(hashOf(bytes));
  await probe.remove(hashOf(bytes));
}

function createBlobs(client: S3Client, bucket: string, folder: string): Blobs {
  const objectOf = (sha256: string) => ({ Bucket: bucket, Key: `${folder}${sha256.slice(0, 2)}/${sha256}` });

  const read = async (sha256: string) => {
    try {
      const { Body } = await client.send(new GetObjectCommand(objectOf(sha256)));
      return Body as Readable;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw asStorageError(error);
    }
  };

  return {
    async put(sha256, bytes) {
      await client
        .send(new PutObjectCommand({ ...objectOf(sha256), Body: bytes, ContentLength: bytes.byteLength }))
        .catch((error) => {
          throw asStorageError(error);
        });
    },
    async get(sha256) {
      const body = await read(sha256);
      if (!body) return undefined;
      const parts: Uint8Array[] = [];
      try {
        for await (const part of body) parts.push(part);
      } catch (error) {
        throw asStorageError(error);
      }
      const bytes = Buffer.concat(parts);
      if ((await sha256InSteps(bytes)) !== sha256) throw damaged(sha256);
      return bytes;
    },
    async open(sha256) {
      // Read twice, so that nothing of a damaged object is ever sent on, and no object is held in memory.
      const body = await read(sha256);
      if (!body) return undefined;
      const found = await sha256OfStream(body).catch((error) => {
        throw asStorageError(error);
      });
      if (found !== sha256) throw damaged(sha256);
      return read(sha256);
    },
    async remove(sha256) {
      await client.send(new DeleteObjectCommand(objectOf(sha256))).catch((error) => {
        if (!isMissing(error)) throw asStorageError(error);
      });
    },
    async *list() {
      try {
        for await (const key of listKeys(client, bucket, folder)) {
          const name = key.slice(key.lastIndexOf("/") + 1);
          if (/^[0-9a-f]{64}$/.test(name)) yield name;
        }
      } catch (error) {
        throw asStorageError(error);
      }
    },
  };
}

const damaged = (sha256: string) =>
  new AppError("file_damaged", `The stored file ${sha256} is damaged: the file store gives other bytes.`);
