// Clients that send slowly, never end or never read.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import sharp from "sharp";
import { png } from "../../support/pictures.ts";
import { type Attacked, times, together } from "./attacked.ts";

/** Milliseconds for which clients that do not read are watched. */
const WATCHED_MS = 3000;

export function connectionAttacks({ attack, ask, form, upload, server }: Attacked): void {
  const open = async (head: string): Promise<Socket> => {
    const { hostname, port } = new URL(server().url);
    const socket = connect(Number(port), hostname);
    socket.on("error", () => {});
    await once(socket, "connect");
    socket.write(head);
    return socket;
  };
  const closeAll = (sockets: Socket[]) => {
    for (const socket of sockets) socket.destroy();
  };

  attack("input", "eight unfinished uploads of 60 MB", async () => {
    const part = '--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n';
    const chunk = Buffer.alloc(1024 * 1024);
    const sockets = await together(8, async () => {
      const type = "multipart/form-data; boundary=x";
      const head = `POST /v1/images HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: ${250 * 1024 ** 2}\r\n\r\n`;
      const socket = await open(head);
      for (let file = 0; file < 3; file++) {
        socket.write(part);
        for (let mb = 0; mb < 20; mb++) await new Promise<void>((sent) => socket.write(chunk, () => sent()));
        socket.write("\r\n");
      }
      return socket;
    });
    closeAll(sockets);
  });

  describe("that never read:", () => {
    const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
    let path: string;
    before(async () => {
      const noise = { raw: { width: 3000, height: 3000, channels: 3 } } as const;
      const file = await sharp(randomBytes(3000 * 3000 * 3), noise)
        .png({ compressionLevel: 0 })
        .toBuffer();
      const { images } = await upload(file, 201);
      path = `/v1/images/${images[0].id}`;
    });
    after(() => ask("DELETE", path, 204));

    attack("input", "a hundred requests for a large file in one connection", async () => {
      const socket = await open(get(`${path}/content`).repeat(100));
      await sleep(WATCHED_MS);
      socket.destroy();
    });

    attack("input", "a hundred connections for a large file", async () => {
      const sockets = await together(100, () => open(get(`${path}/content`)));
      await sleep(WATCHED_MS);
      closeAll(sockets);
    });

    attack("input", "a hundred connections for lists with much metadata", async () => {
      const file = await png(1);
      const metadata = JSON.stringify({ text: "x".repeat(60_000) });
      const ids: string[] = [];
      for (let i = 0; i < 50; i++) {
        ids.push((await ask("POST", "/v1/images", 201, form(file, { metadata }))).images[0].id);
      }
      const sockets = await together(100, () => open(get("/v1/images?limit=50")));
      await sleep(WATCHED_MS);
      closeAll(sockets);
      for (const id of ids) await ask("DELETE", `/v1/images/${id}`, 204);
    });
  });

  attack("input", "two hundred connections that send a header a byte at a time", async () => {
    const sockets = await together(200, () => open("GET /livez HTTP/1.1\r\nHost: a\r\nX: "));
    await times(5, async () => {
      for (const socket of sockets) if (socket.writable) socket.write("a");
      await sleep(300);
    });
    closeAll(sockets);
  });
}
