// Limits on connections: one answer at a time, and bounded memory for clients that do not read.
import type { RequestListener, Server } from "node:http";
import type { Socket } from "node:net";

/** Bounds on connections. */
export interface ConnectionLimits {
  /** Seconds within which a client must read some of its answer before it is cut off. */
  readonly readSeconds: number;
  /** Bytes of answers that wait for clients to read them, over all connections. */
  readonly maxUnreadBytes: number;
}

/** Most connections at a time: more would use up the file handles of the process. */
const MAX_CONNECTIONS = 1000;
/** Unanswered requests of one connection. */
const MAX_PIPELINED = 32;
/** Milliseconds between two checks of the unread bytes. */
const LOOK_MS = 100;

/** A connection: how many of its requests are unanswered, and how to start those that wait for their turn. */
interface Connection {
  unanswered: number;
  readonly waiting: Array<() => void>;
}

/** What keeps the connections of a server within bounds. */
export interface Connections {
  /**
   * Answers the requests of one connection one after another: a client that sends many before it reads an answer
   * (pipelining) would make the server hold all the answers. Too many unanswered requests close the connection.
   */
  oneAtATime(answer: RequestListener): RequestListener;
  /** Closes connections whose clients do not read and, while too many bytes wait to be read, those that hold most. */
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
        response.on("close", () => {
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
      // Called where nothing was read or written for that long: the client does not read its answer or is idle.
      // Requests that the server still works on are left alone.
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
