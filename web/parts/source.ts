// Addresses of the server's files that an element can load. An address alone carries no key: with one, a file is
// fetched and then shown.
import { useEffect, useState } from "preact/hooks";
import type { Client } from "../../client/index.ts";
import { apiUntil, hasKey } from "../state/server.ts";

/**
 * @param address Undefined where it is not wanted yet.
 * @param read Fetches what is at the address, by a client that stops once it is no longer wanted.
 */
export function useSource(address: string | undefined, read: (api: Client) => Promise<Blob>): string | undefined {
  const [blob, setBlob] = useState<string>();
  useEffect(() => {
    if (!hasKey() || address === undefined) return;
    let made: string | undefined;
    const unwanted = new AbortController();
    const show = (bytes: Blob) => {
      if (unwanted.signal.aborted) return;
      made = URL.createObjectURL(bytes);
      setBlob(made);
    };
    read(apiUntil(unwanted.signal)).then(show, () => {});
    return () => {
      unwanted.abort();
      if (made) URL.revokeObjectURL(made);
    };
  }, [address]);
  return hasKey() ? blob : address;
}
