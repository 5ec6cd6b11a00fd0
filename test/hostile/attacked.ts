// What attacks work with.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "../../core/paths.ts";
import type { ServerProcess } from "../../support/server-process.ts";

/** How often an attack is repeated that the server survives. 1: the short form, with shorter deadlines too. */
export const ROUNDS = Number(process.env.MOCO_HOSTILE_ROUNDS ?? 3);
/** What a large image is answered with: on a busy machine its decoding may pass `decodeSeconds`. */
export const DECODED_OR_GIVEN_UP = [200, 422];

/** The server under attack. */
export interface Attacked {
  /** Begins once the tests run, as the folder does: not known while they are described. */
  server(): ServerProcess;
  /** Holds `data` and `models`. */
  folder(): string;
  /** A test that runs an attack, prints what it cost, and holds it against the bounds. */
  attack(
    kind: "input" | "fault",
    what: string,
    run: () => Promise<unknown>,
    /** Requests in it that a `read` key may send: each may cost the main thread a second at most. */
    options?: { readonly requestsOfReader?: number },
  ): void;
  /** Sends a request; its answer, as JSON where it is, which must have one of the statuses. */
  // biome-ignore lint/suspicious/noExplicitAny: who reads it says what it is
  ask(method: string, path: string, statuses: number | number[], body?: FormData | string): Promise<any>;
  /** The form of an image. */
  form(file: Uint8Array, fields?: Record<string, string>): FormData;
  // biome-ignore lint/suspicious/noExplicitAny: who reads it says what it is
  upload(file: Uint8Array, statuses: number | number[]): Promise<any>;
  // biome-ignore lint/suspicious/noExplicitAny: who reads it says what it is
  search(file: Uint8Array, statuses: number | number[], fields?: Record<string, string>): Promise<any>;
  /** Every image is there, is found by itself, and the server has calmed down. */
  isWhole(): Promise<void>;
}

export const fixture = (name: string) => readFile(join(packageRoot(), "test/fixtures", name));

export async function times(count: number, action: (i: number) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < count; i++) await action(i);
}

export const together = <T>(count: number, action: (i: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => action(i)));
