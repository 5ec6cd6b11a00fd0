// npm run proof:cluster -- [--json] [--servers n] [--swaps n] [--images n] [--no-faults]
//
// Several servers on one PostgreSQL and one S3: clients that ask any of them in turn, through swaps, kill -9 of the
// server that runs the swap and of another one in each state, and a crash of the database; then the audit of every
// acknowledged operation. Exit code 0 only where nothing was found.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createDatabase } from "../support/postgres.ts";
import { S3_KEYS, startS3Server } from "../support/s3-server.ts";
import { writeTinyModel } from "../support/tiny-model.ts";
import { ALL_FAULTS, runClusterProof } from "./cluster-run.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    servers: { type: "string", default: "3" },
    swaps: { type: "string", default: "2" },
    images: { type: "string", default: "1000" },
    "no-faults": { type: "boolean", default: false },
  },
});

Object.assign(process.env, S3_KEYS);
const folder = await mkdtemp(join(tmpdir(), "moco-search-proof-"));
const [database, s3] = await Promise.all([createDatabase(), startS3Server()]);
const began = performance.now();
try {
  const originals = join(folder, "originals");
  const { swaps, faults, requests, ...found } = await runClusterProof({
    folder,
    database: database.url,
    files: s3.url,
    models: [
      await writeTinyModel(originals, "first", { seed: 1 }),
      await writeTinyModel(originals, "second", { seed: 2, dimensions: 24, size: 24 }),
    ],
    servers: Number(values.servers),
    swaps: Number(values.swaps),
    images: Number(values.images),
    faults: values["no-faults"] ? [] : ALL_FAULTS,
    tell: (words) => console.error(`${((performance.now() - began) / 1000).toFixed(0).padStart(5)} s  ${words}`),
  });
  console.log(JSON.stringify({ swaps, faults, requests, ...found }, undefined, values.json ? undefined : 2));
  if (Object.values(found).some((count) => count > 0)) process.exitCode = 1;
} finally {
  await s3.close();
  await database.remove();
  await rm(folder, { recursive: true, force: true });
}
