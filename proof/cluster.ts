// npm run proof:cluster -- [--json] [--servers n] [--swaps n] [--images n] [--faults all|few|none]
//
// Several servers on one PostgreSQL and one S3. Clients ask them in turn, through swaps and rollbacks. In each state of
// a swap the server that runs it is killed, and another one; the database crashes, servers are cut off from the
// storage, and the file store goes away. Then every acknowledged operation is audited. Exit code 0 only where nothing
// was found. Servers that are cut off run in network namespaces, which need Linux and root.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createDatabase } from "../support/postgres.ts";
import { startS3Process } from "../support/s3-process.ts";
import { writeTinyModel } from "../support/tiny-model.ts";
import { ALL_FAULTS, FEW_FAULTS } from "./cluster-faults.ts";
import { runClusterProof } from "./cluster-run.ts";
import { countFindings } from "./findings.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    servers: { type: "string", default: "3" },
    /** Swaps and rollbacks without a fault; one more comes with each fault. */
    swaps: { type: "string", default: "8" },
    images: { type: "string", default: "5000" },
    /** `few`: one of each kind. */
    faults: { type: "string", default: "all" },
  },
});
const faults = { all: ALL_FAULTS, few: FEW_FAULTS, none: [] }[values.faults];
if (!faults) throw new Error(`Expected --faults all, few or none but received ${values.faults}.`);

const folder = await mkdtemp(join(tmpdir(), "moco-search-proof-"));
const [database, s3] = await Promise.all([createDatabase({ ends: true }), startS3Process()]);
const began = performance.now();
try {
  const originals = join(folder, "originals");
  const outcome = await runClusterProof({
    folder,
    database: database.url,
    files: s3,
    models: [
      await writeTinyModel(originals, "first", { seed: 1 }),
      await writeTinyModel(originals, "second", { seed: 2, dimensions: 24, size: 24 }),
    ],
    servers: Number(values.servers),
    swaps: Number(values.swaps),
    images: Number(values.images),
    faults,
    tell: (words) => console.error(`${((performance.now() - began) / 1000).toFixed(0).padStart(5)} s  ${words}`),
  });
  console.log(JSON.stringify(outcome, undefined, values.json ? undefined : 2));
  if (countFindings(outcome) > 0) process.exitCode = 1;
} finally {
  await s3.close();
  await database.remove();
  await rm(folder, { recursive: true, force: true });
}
