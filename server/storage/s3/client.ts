// A client of an S3-compatible store, what its keys list, and its failures in our words.
import { ListObjectsCommand, S3Client, S3ServiceException } from "@aws-sdk/client-s3";
import { AppError } from "../../../core/errors.ts";
import type { S3Location } from "./location.ts";

/** Tries of a request that the store failed to answer. */
const TRIES = 4;
const CONNECT_MS = 5000;
/** A store that is silent for so long does not answer any more. */
const SILENT_MS = 30_000;

/** Makes a client of the store of a location. Nothing is sent yet. */
export function createS3Client({ endpoint, region }: S3Location): S3Client {
  const isAmazons = endpoint === undefined && !process.env.AWS_ENDPOINT_URL && !process.env.AWS_ENDPOINT_URL_S3;
  return new S3Client({
    ...(endpoint && { endpoint }),
    ...(region ? { region } : process.env.AWS_REGION || isAmazons ? {} : { region: "us-east-1" }),
    forcePathStyle: !isAmazons,
    maxAttempts: TRIES,
    requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: SILENT_MS },
    // The newer checksums are sent after the bytes, which stores of other makers take for a part of them.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
}

/** All keys that begin with `prefix`, in their order. */
export async function* listKeys(client: S3Client, bucket: string, prefix: string): AsyncGenerator<string> {
  // By the first version of listing: it goes on after a key, which every store knows how to do.
  for (let after: string | undefined; ; ) {
    const page = await client.send(new ListObjectsCommand({ Bucket: bucket, Prefix: prefix, Marker: after }));
    for (const { Key } of page.Contents ?? []) if (Key !== undefined) yield Key;
    if (!page.IsTruncated) return;
    after = page.Contents?.at(-1)?.Key;
  }
}

const statusOf = (error: unknown) => (error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined);

export const isMissing = (error: unknown): boolean =>
  error instanceof S3ServiceException &&
  (error.name === "NoSuchKey" || (statusOf(error) === 404 && error.name !== "NoSuchBucket"));

/** `error` as AppError where the store is full or does not answer; any other error unchanged. */
export function asStorageError(error: unknown): unknown {
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

/**
 * A failure of the first requests as AppError `invalid_configuration` where the address, the bucket, the keys or the
 * rights are wrong; `rights` are those that the keys need.
 */
export function asStartError(error: unknown, { bucket, endpoint }: S3Location, rights: string): unknown {
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
      return problem(`The keys may not use the bucket "${bucket}"${where}. They need the rights ${rights}.`);
    case 301:
      return problem(`The bucket "${bucket}" is in another region. Name it: s3://${bucket}?region=…`);
  }
  if (isNetworkError(cause)) {
    return problem(`No file store answers${where}: ${(cause as Error).message}. Check the address.`);
  }
  return error;
}
