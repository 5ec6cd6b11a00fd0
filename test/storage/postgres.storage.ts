// Tests that end PostgreSQL end the one that scripts/postgres.sh started, and bring it back.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { packageRoot } from "../../core/paths.ts";
import { crashPostgres, createDatabase, runSql } from "../../support/postgres.ts";

describe("PostgreSQL for tests", () => {
  const named = process.env.MOCO_SEARCH_TEST_POSTGRES;
  afterEach(() => {
    if (named === undefined) delete process.env.MOCO_SEARCH_TEST_POSTGRES;
    else process.env.MOCO_SEARCH_TEST_POSTGRES = named;
  });

  it("is our own where it is to be ended, whichever is named, and is up again afterwards", async () => {
    process.env.MOCO_SEARCH_TEST_POSTGRES = "postgres://others:word@127.0.0.1:1/postgres";
    await assert.rejects(createDatabase(), { code: "ECONNREFUSED" });
    const { url, remove } = await createDatabase({ ends: true });
    await crashPostgres();
    await assert.rejects(runSql(url, "SELECT"), { code: "ECONNREFUSED" });
    await remove();
    const { remove: removeNext } = await createDatabase({ ends: true });
    await removeNext();
  });

  it("is not ended where others started it", async () => {
    const MOCO_SEARCH_TEST_POSTGRES = "postgres://others:word@db:5432/postgres";
    await assert.rejects(
      promisify(execFile)(join(packageRoot(), "scripts", "postgres.sh"), ["stop"], {
        env: { ...process.env, MOCO_SEARCH_TEST_POSTGRES },
      }),
      { code: 1, stderr: /names a server that this script did not start; end it yourself/ },
    );
  });
});
