// What one connection may take: one answer at a time, and no memory for a client that does not read.
import type { RequestListener, Server } from "node:http";
import type { Socket } from "node:net";

/** Bounds on connections. */
export interface ConnectionLimits {
  /** Seconds in which a client must take some of the answer that waits for it. */
  readonly readSeconds: number;
  /** Bytes of answers that wait for clients to read them, over all connections. */
  readonly maxUnreadBytes: number;
}

/** Connections at a time: more would use up the process' file handles. */
const MAX_CONNECTIONS = 1000;
/** Requests of one connection that wait for the answers before them. */
const MAX_PIPELINED = 32;
/** Between two looks at what waits to be read. */
const LOOK_MS = 100;

/** The requests of one connection that are not answered yet, and how to start those that wait for the answers before them. */
interface Connection {
  unanswered: number;
  readonly waiting: Array<() => void>;
}

/** What keeps the connections of a server within bounds. */
export interface Connections {
  /**
   * Answers the requests of one connection one after another. A client may send many before it reads an answer
   * (pipelining): each would hold its whole answer. The connection of one that sends too many is closed.
   */
  oneAtATime(answer: RequestListener): RequestListener;
  /** Closes connections whose clients do not read, and those that hold most where too much waits to be read. */
  guard(server: Server): void;
}

export function createConnections({ readSeconds, maxUnreadBytes }: ConnectionLimits): Connections {
  const open = new Map<Socket, Connection>();

  return {
    oneAtATime: (answer) => (request, response) => {
      const { socket } = request;
      const connection = open.get(socket);
      if (!connection) return; // closed already
      const start = () => {
        response.once("close", () => {
          connection.unanswered--;
          if (!socket.destroyed) connection.waiting.shift()?.();
        });
        answer(request, response);
      };
      if (connection.unanswered++ === 0) start();
      else if (connection.unanswered > MAX_PIPELINED) socket.destroy();
      else connection.waiting.push(start);
    },
    guard(server) {
      server.maxConnections = MAX_CONNECTIONS;
      server.on("connection", (socket) => {
        open.set(socket, { unanswered: 0, waiting: [] });
        socket.once("close", () => open.delete(socket));
      });
      // Nothing was read or written for so long: either the client does not read, or it asks for nothing more. A
      // request that the server still works on is left alone.
      server.setTimeout(readSeconds * 1000, (socket) => {
        if (socket.writableLength > 0 || !open.get(socket)?.unanswered) socket.destroy();
      });
      const looking = setInterval(() => {
        let unread = [...open.keys()].reduce((sum, { writableLength }) => sum + writableLength, 0);
        if (unread <= maxUnreadBytes) return;
        for (const socket of [...open.keys()].sort((a, b) => b.writableLength - a.writableLength)) {
          if (unread <= maxUnreadBytes) return;
          unread -= socket.writableLength;
          socket.destroy();
        }
      }, LOOK_MS);
      looking.unref();
      server.once("close", () => clearInterval(looking));
    },
  };
}
