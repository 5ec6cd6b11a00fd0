// The contract of each port on PostgreSQL with pgvector and on S3.
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import type { Storage } from "../../server/storage/ports.ts";
import { createPostgresCatalogue } from "../../server/storage/postgres/catalogue.ts";
import { openDatabase } from "../../server/storage/postgres/database.ts";
import { createPgvectorSearch } from "../../server/storage/postgres/vector-search.ts";
import { openBucket } from "../../server/storage/s3/bucket.ts";
import { createDatabase } from "../../support/postgres.ts";
import { S3_KEYS, type S3Server, startS3Server } from "../../support/s3-server.ts";
import { describeBlobs } from "../server/storage/contract/blobs.ts";
import { describeCatalogue } from "../server/storage/contract/catalogue.ts";
import { describeVectors } from "../server/storage/contract/vectors.ts";

describe("storage: PostgreSQL with pgvector, and S3", () => {
  let s3: S3Server;
  let count = 0;
  before(async () => {
    Object.assign(process.env, S3_KEYS);
    s3 = await startS3Server();
  });
  after(() => s3.close());

  const openEmpty = async () => {
    const { url, remove } = await createDatabase();
    const database = await openDatabase(url);
    const prefix = `${count++}`;
    const bucket = await openBucket(s3.url.replace("/images", `/${prefix}`));
    const storage: Storage = {
      catalogue: createPostgresCatalogue(database),
      vectors: createPgvectorSearch(database),
      images: bucket.blobs("files"),
      models: bucket.blobs("models"),
      async close() {
        bucket.close();
        await database.close();
      },
    };
    return {
      storage,
      async damage(which: "images" | "models", sha256: string, bytes: Uint8Array) {
        // The store itself does not know what the bytes of a name should be.
        const Key = `${prefix}/${which === "images" ? "files" : "models"}/${sha256.slice(0, 2)}/${sha256}`;
        const client = new S3Client({
          endpoint: s3.endpoint,
          region: "us-east-1",
          forcePathStyle: true,
          requestChecksumCalculation: "WHEN_REQUIRED",
        });
        await client.send(new PutObjectCommand({ Bucket: "moco", Key, Body: bytes, ContentLength: bytes.length }));
        client.destroy();
      },
      async close() {
        await storage.close();
        await remove();
      },
    };
  };

  describeBlobs(openEmpty, "images");
  describeBlobs(openEmpty, "models");
  describeCatalogue(openEmpty);
  describeVectors(openEmpty);
});
