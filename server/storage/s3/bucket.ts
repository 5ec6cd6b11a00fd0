// Blobs in an S3-compatible store, as <prefix><folder>/ab/abcd…: bytes by their SHA-256, checked whenever they are
// read.
import type { Readable } from "node:stream";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsCommand,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from "@aws-sdk/client-s3";
import { AppError } from "../../../core/errors.ts";
import { sha256 as hashOf, sha256InSteps, sha256OfStream } from "../../../core/hash.ts";
import type { Blobs } from "../ports.ts";
import { parseS3Location, type S3Location } from "./location.ts";

/** A bucket, open. */
export interface Bucket {
  /** The blobs under a folder of the prefix. */
  blobs(folder: string): Blobs;
  close(): void;
}

/** Tries of a request that the store failed to answer. */
const TRIES = 4;
const CONNECT_MS = 5000;
/** A store that is silent for so long does not answer any more. */
const SILENT_MS = 30_000;

/**
 * Opens a bucket and makes sure that it can be written to and read from.
 *
 * @throws AppError `invalid_configuration` where the address, the bucket, the keys or the rights are wrong.
 */
export async function openBucket(text: string): Promise<Bucket> {
  const location = parseS3Location(text);
  const { endpoint, region } = location;
  const isAmazons = endpoint === undefined && !process.env.AWS_ENDPOINT_URL && !process.env.AWS_ENDPOINT_URL_S3;
  const client = new S3Client({
    ...(endpoint && { endpoint }),
    ...(region ? { region } : process.env.AWS_REGION || isAmazons ? {} : { region: "us-east-1" }),
    forcePathStyle: !isAmazons,
    maxAttempts: TRIES,
    requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: SILENT_MS },
    // The newer checksums are sent after the bytes, which stores of other makers take for a part of them.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  try {
    await checkBucket(client, location);
  } catch (error) {
    client.destroy();
    throw asStartError(error, location);
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
      // By the first version of listing: it goes on after a key, which every store knows how to do.
      for (let after: string | undefined; ; ) {
        const page = await client
          .send(new ListObjectsCommand({ Bucket: bucket, Prefix: folder, Marker: after }))
          .catch((error) => {
            throw asStorageError(error);
          });
        for (const { Key = "" } of page.Contents ?? []) {
          const name = Key.slice(Key.lastIndexOf("/") + 1);
          if (/^[0-9a-f]{64}$/.test(name)) yield name;
        }
        if (!page.IsTruncated) return;
        after = page.Contents?.at(-1)?.Key;
      }
    },
  };
}

const damaged = (sha256: string) =>
  new AppError("file_damaged", `The stored file ${sha256} is damaged: the file store gives other bytes.`);

const statusOf = (error: unknown) => (error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined);

const isMissing = (error: unknown): boolean =>
  error instanceof S3ServiceException &&
  (error.name === "NoSuchKey" || (statusOf(error) === 404 && error.name !== "NoSuchBucket"));

/** `error` as AppError where the store is full or does not answer; any other error unchanged. */
function asStorageError(error: unknown): unknown {
  if (error instanceof AppError) return error;
  const status = statusOf(error);
  if (status === 507 || (error instanceof S3ServiceException && /QuotaExceeded|StorageFull/.test(error.name))) {
    return new AppError("storage_full", "There is no room left in the file store. Nothing was stored.", {
      cause: error,
    });
  }
  const isAway = status === undefined ? isNetworkError(error) : status >= 500 || status === 429;
  if (!isAway) return error;
  return new AppError("storage_unavailable", "The file store cannot be reached. Try again in a few seconds.", {
    cause: error,
  });
}

const isNetworkError = (error: unknown) =>
  error instanceof Error &&
  (/^(TimeoutError|AbortError|NetworkingError)$/.test(error.name) ||
    ("code" in error && typeof error.code === "string" && /^E[A-Z_]+$/.test(error.code)) ||
    error.message === "aborted");

function asStartError(error: unknown, { bucket, endpoint }: S3Location): unknown {
  const cause = error instanceof AppError && error.code !== "invalid_configuration" ? error.cause : error;
  const problem = (text: string) => new AppError("invalid_configuration", text, { cause });
  const name = cause instanceof Error ? cause.name : "";
  const where = endpoint ? ` at ${endpoint}` : "";
  if (name === "CredentialsProviderError") {
    return problem("The file store needs keys. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile.");
  }
  if (/InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|ExpiredToken/.test(name)) {
    return problem(
      `The file store${where} refuses the keys (${name}). Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.`,
    );
  }
  switch (statusOf(cause)) {
    case 404:
      return problem(`There is no bucket "${bucket}"${where}. Make it first, or name another one.`);
    case 403:
      return problem(
        `The keys may not read and write the bucket "${bucket}"${where}. They need GetObject, PutObject, DeleteObject and ListBucket.`,
      );
    case 301:
      return problem(`The bucket "${bucket}" is in another region. Name it: s3://${bucket}?region=…`);
  }
  if (isNetworkError(cause)) {
    return problem(`No file store answers${where}: ${(cause as Error).message}. Check the address.`);
  }
  return error;
}
