// Where in an S3-compatible store the files are.
import { AppError } from "../../../core/errors.ts";

/** A part of a bucket. */
export interface S3Location {
  readonly bucket: string;
  /** Before every key; empty or ending with a slash. */
  readonly prefix: string;
  /** Address of a store that is not Amazon's; otherwise what AWS_ENDPOINT_URL says. */
  readonly endpoint?: string;
  readonly region?: string;
}

/**
 * Reads `s3://bucket/prefix?endpoint=https://host:port&region=name`. Keys are never part of it: they come from the
 * environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), a profile, or the machine's role.
 *
 * @throws AppError `invalid_configuration`.
 */
export function parseS3Location(text: string): S3Location {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const endpoint = url?.searchParams.get("endpoint") ?? undefined;
  const region = url?.searchParams.get("region") ?? undefined;
  const isWhole =
    url?.protocol === "s3:" &&
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(url.host) &&
    url.username === "" &&
    (endpoint === undefined || (URL.canParse(endpoint) && /^https?:/.test(endpoint)));
  if (!isWhole) {
    throw new AppError(
      "invalid_configuration",
      "Expected files at s3://bucket/prefix, with ?endpoint=https://host:port where the store is not Amazon's, and keys in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY).",
    );
  }
  const path = decodeURIComponent(url.pathname).replaceAll(/^\/+|\/+$/g, "");
  return {
    bucket: url.host,
    prefix: path === "" ? "" : `${path}/`,
    ...(endpoint && { endpoint }),
    ...(region && { region }),
  };
}
