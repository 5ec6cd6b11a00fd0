// Images that lie in a bucket of their owner, to be read and never changed.
import { extname } from "node:path";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import { isHidden, isImageName, type LeftOut } from "../../../core/find-images.ts";
import { asStartError, asStorageError, createS3Client, listKeys } from "./client.ts";
import { parseS3Location } from "./location.ts";

/** An object with an image's extension. `name` is its key below the prefix. */
export interface ImageObject {
  readonly name: string;
  /** @throws AppError `storage_unavailable` where the store does not answer. */
  read(): Promise<Uint8Array<ArrayBuffer>>;
}

/** The images below a prefix, in the order of their keys. */
export interface ImageObjects {
  readonly files: readonly ImageObject[];
  readonly leftOut: readonly LeftOut[];
  close(): void;
}

/**
 * Lists the images at `s3://bucket/prefix`; the keys in the environment need the rights ListBucket and GetObject.
 *
 * @throws AppError `invalid_configuration` where the address, the bucket, the keys or the rights are wrong.
 */
export async function openImageObjects(address: string): Promise<ImageObjects> {
  const location = parseS3Location(address);
  const { bucket, prefix } = location;
  const client = createS3Client(location);
  const files: ImageObject[] = [];
  const leftOut: LeftOut[] = [];
  const read = async (key: string) => {
    try {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      return new Uint8Array(await Body!.transformToByteArray());
    } catch (error) {
      throw asStorageError(error);
    }
  };
  try {
    for await (const key of listKeys(client, bucket, prefix)) {
      const name = key.slice(prefix.length);
      if (name === "" || name.endsWith("/")) continue; // how some tools mark a folder
      if (isHidden(name)) leftOut.push({ name, reason: "hidden" });
      else if (!isImageName(name)) leftOut.push({ name, reason: extname(name).toLowerCase() || "no extension" });
      else files.push({ name, read: () => read(key) });
    }
  } catch (error) {
    client.destroy();
    throw asStartError(asStorageError(error), location, "ListBucket and GetObject");
  }
  return { files, leftOut, close: () => client.destroy() };
}
