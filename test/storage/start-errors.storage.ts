// What a start says where the database or the file store cannot be used. Nothing half-made is left behind.
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pino } from "pino";
import { openSharedStorage } from "../../server/storage/open-shared.ts";
import { openDatabase } from "../../server/storage/postgres/database.ts";
import { createDatabase, runSql } from "../../support/postgres.ts";
import { startCli } from "../../support/run-cli.ts";
import { S3_KEYS, type S3Server, startS3Server } from "../../support/s3-server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

describe("starting with a database", () => {
  let url: string;
  let remove: () => Promise<void>;
  beforeEach(async () => {
    ({ url, remove } = await createDatabase());
  });
  afterEach(() => remove());

  const changed = (change: (address: URL) => void): string => {
    const address = new URL(url);
    change(address);
    return address.href;
  };
  const refused = (address: string, ...parts: RegExp[]) =>
    assert.rejects(openDatabase(address), (error: Error & { code?: string }) => {
      assert.equal(error.code, "invalid_configuration");
      for (const part of parts) assert.match(error.message, part);
      assert.doesNotMatch(error.message, /:moco@|secret/);
      return true;
    });
  /** A user of no rights beyond connecting. */
  const guest = async (): Promise<string> => {
    await runSql(url, "DROP ROLE IF EXISTS moco_guest; CREATE ROLE moco_guest LOGIN PASSWORD 'secret'");
    return changed((address) => {
      address.username = "moco_guest";
      address.password = "secret";
    });
  };
  const tables = async () => {
    const database = await openDatabase(url);
    await database.close();
  };

  it("refuses what is no address", async () => {
    await refused("./data", /Expected the address of a database such as postgres:\/\//);
    await refused("mysql://host/name", /postgres:\/\//);
    await refused("postgres://host", /postgres:\/\//);
  });

  it("says that nothing answers, or that the database is not there", async () => {
    await refused(
      changed((address) => (address.port = "1")),
      /No database answers at 127.0.0.1:1/,
    );
    await refused(
      changed((address) => (address.hostname = "nowhere.invalid")),
      /No database answers at nowhere.invalid/,
    );
    await refused(
      changed((address) => (address.pathname = "/none")),
      /There is no database "none"/,
      /createdb none/,
    );
    await refused(
      changed((address) => (address.password = "secret")),
      /refuses the user "postgres"/,
    );
  });

  it("names the rights that are missing", async () => {
    const address = await guest();
    await refused(address, /may not make the extension `vector`/, /CREATE EXTENSION vector/);
    await runSql(url, "CREATE EXTENSION vector");
    await refused(address, /may not make tables/, /GRANT CREATE ON SCHEMA public TO moco_guest/);
    await runSql(url, "GRANT CREATE ON SCHEMA public TO moco_guest");
    await (await openDatabase(address)).close();
    await runSql(url, "DROP OWNED BY moco_guest");
  });

  it("refuses an old pgvector", async () => {
    await runSql(url, "CREATE EXTENSION vector; UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'");
    await refused(url, /Expected pgvector 0.8 or later but the database has 0.7.4/, /ALTER EXTENSION vector UPDATE/);
  });

  it("refuses tables of a newer version, and those of another program", async () => {
    await tables();
    await runSql(url, "UPDATE moco_search SET version = 99");
    await refused(url, /version 99/, /Use the moco-search that made them/);
    await runSql(url, "DROP TABLE moco_search; DROP TABLE images");
    await refused(url, /tables of another program/);
    await runSql(url, "DO $$ BEGIN ASSERT to_regclass('moco_search') IS NULL; END $$");
  });

  it("refuses a database that is not in UTF8", async () => {
    const name = new URL(url).pathname.slice(1);
    const server = changed((address) => (address.pathname = "/postgres"));
    await runSql(server, `CREATE DATABASE ${name}_latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'`);
    await refused(
      changed((address) => (address.pathname += "_latin")),
      /UTF8/,
      /LATIN1/,
    );
    await runSql(server, `DROP DATABASE ${name}_latin`);
  });
});

describe("starting with a file store", () => {
  const logger = pino({ level: "silent" });
  let s3: S3Server;
  let url: string;
  let remove: () => Promise<void>;
  before(async () => {
    Object.assign(process.env, S3_KEYS);
    s3 = await startS3Server();
    ({ url, remove } = await createDatabase());
  });
  after(async () => {
    await s3.close();
    await remove();
  });

  const refused = (files: string, ...parts: RegExp[]) =>
    assert.rejects(openSharedStorage({ database: url, files }, logger), (error: Error & { code?: string }) => {
      assert.equal(error.code, "invalid_configuration", error.stack);
      for (const part of parts) assert.match(error.message, part);
      return true;
    });

  it("refuses what is no address", async () => {
    await refused("s3:bucket", /Expected files at s3:\/\/bucket\/prefix/);
    await refused("s3://key:secret@bucket", /keys in the environment/);
    await refused("s3://bucket?endpoint=host", /endpoint=https/);
  });

  it("names a bucket that is missing, and a store that does not answer", async () => {
    await refused(s3.url.replace("//moco", "//none"), /There is no bucket "none"/);
    await refused("s3://moco?endpoint=http://127.0.0.1:1", /No file store answers at http:\/\/127.0.0.1:1/);
  });

  it("names keys that are wrong", async () => {
    process.env.AWS_ACCESS_KEY_ID = "another";
    await refused(s3.url, /refuses the keys \(InvalidAccessKeyId\)/);
    Object.assign(process.env, S3_KEYS);
  });

  it("names a bucket that may be read only", async () => {
    const readOnly = createServer((asked, answer) => {
      if (asked.method === "PUT") {
        answer.writeHead(403, { "Content-Type": "application/xml" });
        return void answer.end("<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>");
      }
      const { method, url: path, headers } = asked;
      const passed = request(s3.endpoint + path, { method, headers }, (got) => {
        answer.writeHead(got.statusCode!, got.headers);
        got.pipe(answer);
      });
      asked.pipe(passed);
    }).listen(0, "127.0.0.1");
    await once(readOnly, "listening");
    const endpoint = `http://127.0.0.1:${(readOnly.address() as AddressInfo).port}`;
    await refused(`s3://moco/images?endpoint=${endpoint}`, /may not use the bucket "moco"/, /PutObject/);
    readOnly.close();
    readOnly.closeAllConnections();
  });

  it("names a folder that cannot be used", async () => {
    await refused("file:/dev/null/none", /The folder of the files cannot be used/);
  });

  it("ends `serve` with a sentence, and makes no data folder", async function () {
    this.timeout(300_000); // two processes, perhaps on a busy machine
    const { folder, remove: removeFolder } = await temporaryFolder();
    const data = join(folder, "data");
    const flags = ["--data", data, "--database", "postgres://postgres:moco@127.0.0.1:1/none", "--files", "file:/tmp"];
    for (const [given, said] of [
      [flags, /No database answers at 127.0.0.1:1.*\(invalid_configuration\)/],
      [flags.slice(0, 4), /files: expected both or neither/],
    ] as const) {
      const child = startCli(["serve", "--port", "0", ...given], { stdio: ["ignore", "pipe", "pipe"] });
      let text = "";
      child.stderr!.on("data", (part) => (text += part));
      const [code] = await once(child, "close");
      assert.equal(code, 1);
      assert.match(text, said);
    }
    assert.equal(existsSync(data), false);
    await removeFolder();
  });
});
