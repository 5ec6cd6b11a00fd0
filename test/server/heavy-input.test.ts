// Requests that are large, many or at once.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { condition, jsonBombs, or } from "../../support/json-bombs.ts";
import { png } from "../../support/pictures.ts";
import { startTestServer, type TestServer } from "../../support/test-server.ts";

describe("heavy input", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server.close());
  afterEach(() => server.http.get("/readyz").expect(200));

  const listed = async (): Promise<Array<{ id: string; sha256: string; duplicateOf?: string }>> =>
    (await server.http.get("/v1/images?limit=1000").expect(200)).body.images;

  it("1,000 files in one request: 413, and none is stored", async () => {
    const file = await png(1, { width: 8, height: 8 });
    const form = new FormData();
    for (let i = 0; i < 1000; i++) form.append("image", new Blob([file]), `${i}.png`);
    const response = await fetch(`${server.url}/v1/images`, { method: "POST", body: form });
    assert.equal(response.status, 413);
    assert.equal(((await response.json()) as { code: string }).code, "payload_too_large");
    assert.deepEqual(await listed(), []);
  });

  it("1,000 fields in one request: 413", async () => {
    const form = new FormData();
    for (let i = 0; i < 1000; i++) form.append(`field${i}`, "x");
    const response = await fetch(`${server.url}/v1/images`, { method: "POST", body: form });
    assert.equal(response.status, 413);
    await response.text();
  });

  describe("a body of 2 GB", () => {
    const BYTES = 2 * 1024 ** 3;
    const type = "multipart/form-data; boundary=x";
    const opening = '--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n';

    /** Sends zeros until the server answers or all is sent; the answer, what was sent, and the memory it took. */
    const pour = async (headers: string[], part: (chunk: Buffer) => Buffer) => {
      const { hostname, port } = new URL(server.url);
      const socket = connect(Number(port), hostname);
      const answer = text(socket);
      let isOver = false;
      socket.on("error", () => {});
      void once(socket, "close").then(() => (isOver = true));
      socket.once("readable", () => (isOver = true));
      const head = ["POST /v1/images HTTP/1.1", `Host: ${hostname}:${port}`, `Content-Type: ${type}`, ...headers];
      socket.write(`${head.join("\r\n")}\r\n\r\n`);
      socket.write(part(Buffer.from(opening)));
      const chunk = part(Buffer.alloc(1024 * 1024));
      const before = process.memoryUsage().rss;
      let most = before;
      let sent = 0;
      while (!isOver && sent < BYTES) {
        socket.write(chunk);
        sent += chunk.length;
        while (!isOver && socket.writableNeedDrain) await new Promise((resolve) => setTimeout(resolve, 1));
        most = Math.max(most, process.memoryUsage().rss);
      }
      socket.end();
      return { answer: await answer.catch(() => ""), sent, grownMb: (most - before) / 1024 ** 2 };
    };

    it("that says its length is refused before it is read", async () => {
      const { answer, sent } = await pour([`Content-Length: ${BYTES}`], (chunk) => chunk);
      assert.match(answer, /^HTTP\/1\.1 413/);
      assert.match(answer, /payload_too_large/);
      assert.ok(sent < 64 * 1024 ** 2, `${sent} bytes were taken`);
    });

    it("that does not is refused once a file is too large, and memory stays flat", async () => {
      const asChunk = (bytes: Buffer) =>
        Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
      const { answer, sent, grownMb } = await pour(["Transfer-Encoding: chunked"], asChunk);
      assert.match(answer, /^HTTP\/1\.1 413/);
      assert.ok(sent < 512 * 1024 ** 2, `${sent} bytes were taken`);
      assert.ok(grownMb < 256, `memory grew by ${grownMb} MB`);
    });
  });

  it("eight uploads of 60 MB each that are never finished: memory stays flat, and they leave nothing", async () => {
    const { hostname, port } = new URL(server.url);
    const before = process.memoryUsage().rss;
    const part = '--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n';
    const chunk = Buffer.alloc(1024 * 1024);
    const sockets = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const socket = connect(Number(port), hostname);
        socket.on("error", () => {});
        const head =
          "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n";
        socket.write(`${head}Content-Length: ${250 * 1024 ** 2}\r\n\r\n`);
        for (let file = 0; file < 3; file++) {
          socket.write(part);
          for (let mb = 0; mb < 20; mb++) await new Promise<void>((sent) => socket.write(chunk, () => sent()));
          socket.write("\r\n");
        }
        return socket;
      }),
    );
    const grownMb = (process.memoryUsage().rss - before) / 1024 ** 2;
    assert.ok(grownMb < 200, `memory grew by ${grownMb} MB`);
    for (const socket of sockets) socket.destroy();
    await server.http
      .post("/v1/embeddings")
      .attach("image", await png(9), "a")
      .expect(200);
    assert.deepEqual(await readdir(join(server.dataFolder, "uploads")), []);
  });

  describe("JSON", () => {
    const nested = (depth: number, [open, close]: string) => `${open!.repeat(depth)}${close!.repeat(depth)}`;
    const send = (json: string) => server.http.post("/v1/search").type("application/json").send(json);

    it("nested 100,000 deep: 400", async () => {
      const lists = nested(100_000, "[]");
      for (const json of [lists, `{"filter":${lists}}`, `{"vector":${lists}}`, '{"not":'.repeat(100_000)]) {
        assert.equal((await send(json).expect(400)).body.code, "invalid_request");
      }
      const filter = `${'{"not":'.repeat(200)}{"field":"a","eq":1}${"}".repeat(200)}`;
      await server.http.get("/v1/images").query({ filter }).expect(400);
      await server.http
        .post("/v1/images")
        .field("metadata", `{"a":${lists}}`)
        .attach("image", await png(1), "a")
        .expect(400);
    });

    /** Sends JSON that is refused; CPU seconds of this process, the server included. */
    const costOf = async (json: string): Promise<number> => {
      assert.ok(json.length < 2 * 1024 ** 2, `${json.length} bytes`);
      const before = process.cpuUsage();
      const { body, text } = await send(json).expect(400);
      const { user, system } = process.cpuUsage(before);
      assert.match(body.code, /^invalid_(request|vector)$/);
      assert.ok(text.length < 2000, `an answer of ${text.length} characters`);
      return (user + system) / 1e6;
    };
    for (const [what, json] of Object.entries(jsonBombs)) {
      it(`${what}: 400 within a second of computing`, async () => {
        const seconds = await costOf(json);
        assert.ok(seconds < 1, `${seconds} s`);
      });
    }

    it("a filter of 1,000 conditions is taken, one of 1,001 is not", async () => {
      const filter = (count: number) =>
        `{"and":[${Array.from({ length: 10 }, (_, i) => or(i < 9 ? 99 : count, condition)).join()}]}`;
      await server.http
        .get("/v1/images")
        .query({ filter: or(10, condition) })
        .expect(200);
      const { body } = await send(`{"id":"x","filter":${filter(98)}}`).expect(404);
      assert.equal(body.code, "image_not_found");
      assert.match((await send(`{"id":"x","filter":${filter(99)}}`).expect(400)).body.detail, /at most 1000 objects/);
    });

    it("metadata is measured in bytes, and what would change silently is refused", async () => {
      const upload = async (metadata: string) =>
        server.http
          .post("/v1/images")
          .field("metadata", metadata)
          .attach("image", await png(3), "a");
      await upload(JSON.stringify({ a: "é".repeat(32_000) })).then(({ status }) => assert.equal(status, 201));
      for (const metadata of [
        JSON.stringify({ a: "é".repeat(33_000) }),
        '{"__proto__":{"a":1}}',
        '{"a":[{"__proto__":1}]}',
        '{"a":1e999}',
        '{"a":{"b":[-1e999]}}',
      ]) {
        assert.equal((await upload(metadata)).status, 400, metadata.slice(0, 40));
        const { body } = await upload("{}");
        const patch = server.http.patch(`/v1/images/${body.images[0].id}`).type("application/json");
        await patch.send(`{"metadata":${metadata}}`).expect(400);
      }
    });

    it("larger than 2 MB: 413", async () => {
      assert.equal((await send(`{"id":"${"x".repeat(3_000_000)}"}`).expect(413)).body.code, "payload_too_large");
    });

    it("with 300,000 keys or numbers: 400", async () => {
      const keys = Array.from({ length: 150_000 }, (_, i) => `"k${i}":0`).join();
      await send(`{${keys}}`).expect(400);
      await send(`{"vector":[${Array(300_000).fill("1").join()}]}`).expect(400);
    });
  });

  it("the same bytes, uploaded eight times at once: eight images of one content", async () => {
    const file = await png(2);
    const upload = () => server.http.post("/v1/images").attach("image", file, "a.png").expect(201);
    const answers = await Promise.all(Array.from({ length: 8 }, upload));
    const ids = new Set(answers.map(({ body }) => body.images[0].id));
    assert.equal(ids.size, 8);
    const images = (await listed()).filter(({ id }) => ids.has(id));
    assert.equal(new Set(images.map(({ sha256 }) => sha256)).size, 1);
    assert.equal(images.filter(({ duplicateOf }) => duplicateOf === undefined).length, 1);
    const { body } = await server.http.post("/v1/search").send({ id: images[0]!.id }).expect(200);
    assert.deepEqual(new Set([images[0]!.id, ...body.matches.map(({ id }: { id: string }) => id)]), ids);
  });

  it("deletes while searches run: no search fails or shows an image whose delete was answered before", async () => {
    const ids: string[] = [];
    for (let seed = 100; seed < 160; seed++) {
      const { body } = await server.http
        .post("/v1/images")
        .attach("image", await png(seed), "a")
        .expect(201);
      ids.push(body.images[0].id);
    }
    const [kept, ...others] = ids;
    const gone = new Set<string>();
    let isDone = false;
    const searching = async () => {
      while (!isDone) {
        const before = new Set(gone);
        const { body } = await server.http.post("/v1/search").send({ id: kept, k: 20 }).expect(200);
        assert.equal(new Set(body.matches.map(({ id }: { id: string }) => id)).size, body.matches.length);
        for (const { id } of body.matches) assert.ok(!before.has(id), "a deleted image was found");
      }
    };
    const deleting = async () => {
      for (const id of others) {
        await server.http.delete(`/v1/images/${id}`).expect(204);
        gone.add(id);
      }
      isDone = true;
    };
    await Promise.all([deleting(), ...Array.from({ length: 4 }, searching)]);
  });
});
