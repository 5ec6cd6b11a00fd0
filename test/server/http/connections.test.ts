import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, get, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { createConnections } from "../../../server/http/connections.ts";

const MB = 1024 * 1024;
/** More than the operating system keeps for a connection. */
const ANSWER = Buffer.alloc(16 * MB, 7);

describe("the connections of a server", () => {
  let server: Server;
  let port: number;
  const sockets = new Set<Socket>();
  before(async () => {
    const connections = createConnections({ readSeconds: 600, maxUnreadBytes: 50 * MB });
    server = createServer(connections.oneAtATime((_, response) => void response.end(ANSWER)));
    connections.guard(server);
    server.on("connection", (socket) => sockets.add(socket));
    await once(server.listen(0, "127.0.0.1"), "listening");
    port = (server.address() as AddressInfo).port;
  });
  after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const unread = () => [...sockets].reduce((sum, socket) => sum + (socket.destroyed ? 0 : socket.writableLength), 0);

  it("holds a bounded number of bytes for all clients that do not read, and answers those that do", async () => {
    const clients = Array.from({ length: 20 }, () => connect(port, "127.0.0.1").pause());
    for (const client of clients) {
      client.on("error", () => {});
      client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    const isCutOff = () => [...sockets].some((socket) => socket.destroyed);
    while (sockets.size < clients.length || unread() > 50 * MB) await sleep(10);
    assert.ok(isCutOff());
    const [response] = await once(get({ port, host: "127.0.0.1", agent: false }), "response");
    assert.equal((await buffer(response)).length, ANSWER.length);
    assert.ok(
      [...sockets].some((socket) => !socket.destroyed),
      "only those that hold too much are closed",
    );
    for (const client of clients) client.destroy();
  });
});
