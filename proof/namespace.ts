// A host of its own for a server, as a network namespace of Linux: it reaches this machine over two links, and the one
// to the storage can be cut while clients still reach the server over the other.
import { execFile } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Relay, startRelay } from "../support/network.ts";

export interface Namespace {
  /** Where the server inside listens for clients. */
  readonly host: string;
  /** A program that is `node` inside. */
  readonly node: string;
  /** The address under which a service at this port of this machine is reached from inside. */
  reach(port: number): Promise<{ readonly host: string; readonly port: number }>;
  /** From now on nothing arrives over the link to the storage: no answer, no refusal. */
  cut(): Promise<void>;
  mend(): Promise<void>;
  close(): Promise<void>;
}

const ip = async (...args: string[]) => void (await promisify(execFile)("ip", args));

/**
 * Opens a namespace; needs Linux, root and iproute2.
 *
 * @param number Tells the namespaces of this process apart, 0 to 31.
 * @param folder Where the program is written.
 */
export async function openNamespace(number: number, folder: string): Promise<Namespace> {
  const name = `moco-${process.pid}-${number}`;
  // Addresses that RFC 2544 sets aside for benchmarks.
  const address = (link: number, end: 1 | 2) => `198.18.${process.pid % 256}.${(2 * number + link) * 4 + end}`;
  const device = (link: number, end: "a" | "b") => `mc${process.pid % 100_000}.${number}${link}${end}`;

  await ip("netns", "add", name);
  const relays: Relay[] = [];
  const close = async () => {
    for (const relay of relays) relay.close();
    await ip("netns", "delete", name); // its links go with it
  };
  try {
    await ip("-n", name, "link", "set", "lo", "up");
    for (const link of [0, 1]) {
      await ip("link", "add", device(link, "a"), "type", "veth", "peer", "name", device(link, "b"), "netns", name);
      await ip("address", "add", `${address(link, 1)}/30`, "dev", device(link, "a"));
      await ip("-n", name, "address", "add", `${address(link, 2)}/30`, "dev", device(link, "b"));
      await ip("link", "set", device(link, "a"), "up");
      await ip("-n", name, "link", "set", device(link, "b"), "up");
    }
  } catch (error) {
    await close();
    throw error;
  }
  const node = join(folder, `node-${number}`);
  await writeFile(node, `#!/bin/sh\nexec ip netns exec ${name} ${process.execPath} "$@"\n`);
  await chmod(node, 0o755);
  return {
    host: address(0, 2),
    node,
    async reach(port) {
      const relay = await startRelay(port, address(1, 1));
      relays.push(relay);
      return { host: address(1, 1), port: relay.port };
    },
    cut: () => ip("link", "set", device(1, "a"), "down"),
    mend: () => ip("link", "set", device(1, "a"), "up"),
    close,
  };
}
