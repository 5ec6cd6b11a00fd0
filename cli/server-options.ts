// What every command that talks to a running server takes.
import { InvalidArgumentError, Option } from "commander";
import { type Client, createClient } from "../client/index.ts";

/** `--server` and `--key`. */
export interface ServerFlags {
  readonly server: string;
  readonly key?: string;
}

/** `--server` and `--key`. */
export const serverOptions = () => [
  new Option("--server <url>", "address of the server")
    .argParser(serverAddress)
    .default("http://127.0.0.1:3000")
    .env("MOCO_SEARCH_SERVER"),
  new Option("--key <key>", "API key, where the server demands one").env("MOCO_SEARCH_KEY"),
];

/** A client of the server that the flags name. */
export const connect = ({ server, key }: ServerFlags): Client => createClient(server, { key });

/** Parses the address of a server; http:// may be left out, a path stays. */
function serverAddress(text: string): string {
  const address = /^[a-z]+:\/\//i.test(text) ? text : `http://${text}`;
  if (URL.canParse(address) && /^https?:/i.test(address)) return new URL(address).href.replace(/\/+$/, "");
  throw new InvalidArgumentError("Expected an address such as http://127.0.0.1:3000.");
}
