// Clients that ask for much and read nothing.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import sharp from "sharp";
import { startTestServer, type TestServer } from "../../support/test-server.ts";

const MB = 1024 * 1024;
/** The state of a TCP connection in Linux's /proc. */
const ESTABLISHED = "01";

describe("clients that do not read", () => {
  let server: TestServer;
  let path: string;
  let bytes: number;
  before(async () => {
    server = await startTestServer({ readSeconds: 1 });
    const noise = { raw: { width: 2600, height: 2600, channels: 3 } } as const;
    const file = await sharp(randomBytes(2600 * 2600 * 3), noise)
      .png({ compressionLevel: 0 })
      .toBuffer();
    bytes = file.length;
    const { body } = await server.http.post("/v1/images").attach("image", file, "noise.png").expect(201);
    path = `/v1/images/${body.images[0].id}/content`;
  });
  after(() => server.close());

  const open = (): Socket => {
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    socket.on("error", () => {});
    socket.pause();
    return socket;
  };
  const closeOf = (socket: Socket) => new Promise((resolve) => socket.once("close", resolve)); // a reset is one too
  const get = (what: string, headers = "") => `GET ${what} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;
  const grownMb = async (since: number, seconds: number) => {
    let most = 0;
    for (let i = 0; i < seconds * 20; i++) {
      await sleep(50);
      most = Math.max(most, process.memoryUsage().rss - since);
    }
    return most / MB;
  };

  /** Waits until the server has closed the connections, which a client that does not read cannot see. */
  const untilCutOff = async (sockets: readonly Socket[]) => {
    const open = () => {
      const lines = readFileSync("/proc/net/tcp", "latin1").split("\n").slice(1);
      const ends = lines.map((line) => line.trim().split(/\s+/)).filter(([, , , state]) => state === ESTABLISHED);
      const ports = new Set(ends.map(([, , remote]) => Number.parseInt(remote!.split(":")[1]!, 16)));
      return sockets.some(({ localPort }) => localPort !== undefined && ports.has(localPort));
    };
    await Promise.all(sockets.map(async (socket) => socket.connecting && once(socket, "connect")));
    while (open()) await sleep(50);
  };

  it("holds a part of a file for each of them, and closes their connections", async () => {
    assert.ok(bytes > 18 * MB);
    const before = process.memoryUsage().rss;
    const sockets = Array.from({ length: 30 }, open);
    for (const socket of sockets) socket.write(get(path));
    const closed = Promise.all(sockets.map(closeOf));
    const grown = await grownMb(before, 1);
    await server.http.get("/livez").expect(200);
    assert.ok(grown < 150, `memory grew by ${grown} MB`);
    await untilCutOff(sockets);
    for (const socket of sockets) socket.resume(); // only now a client sees that it was cut off
    await closed;
    assert.ok(sockets.every(({ bytesRead }) => bytesRead < bytes));
  }).timeout(120_000);

  it("answers pipelined requests one after another", async () => {
    const before = process.memoryUsage().rss;
    const socket = open();
    socket.write(get(path).repeat(30));
    const grown = await grownMb(before, 1);
    assert.ok(grown < 150, `memory grew by ${grown} MB`);
    socket.destroy();

    const reader = open();
    reader.write(get("/livez").repeat(9) + get("/v1/nothing") + get("/livez", "Connection: close\r\n"));
    const statuses = [...(await text(reader.resume())).matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
    assert.deepEqual(statuses, [...Array(9).fill("200"), "404", "200"]);
  });

  it("closes a connection with more requests than it answers", async () => {
    const socket = open();
    socket.write(get(path).repeat(1000));
    socket.resume();
    await closeOf(socket);
    await server.http.get("/livez").expect(200);
  });

  it("a client that reads slowly gets all of it", async () => {
    const socket = open();
    socket.write(get(path, "Connection: close\r\n"));
    let read = 0;
    socket.on("data", (chunk: Buffer) => {
      read += chunk.length;
      if (read % 7 !== 0 || socket.isPaused()) return;
      socket.pause();
      setTimeout(() => socket.resume(), 300);
    });
    socket.resume();
    await closeOf(socket);
    assert.ok(read > bytes, `${read} of ${bytes} bytes`);
  });

  it("HEAD says the length", async () => {
    const { headers } = await server.http.head(path).expect(200);
    assert.equal(headers["content-length"], String(bytes));
  });
});
