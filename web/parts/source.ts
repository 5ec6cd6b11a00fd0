// Addresses of the server's files that an element can load. An address alone carries no key: with one, a file is
// fetched and then shown.
import { useEffect, useState } from "preact/hooks";
import { hasKey } from "../state/server.ts";

/**
 * @param address Undefined where it is not wanted yet.
 * @param read Fetches what is at the address.
 */
export function useSource(address: string | undefined, read: () => Promise<Blob>): string | undefined {
  const [blob, setBlob] = useState<string>();
  useEffect(() => {
    if (!hasKey() || address === undefined) return;
    let made: string | undefined;
    let isWanted = true;
    const show = (bytes: Blob) => {
      if (!isWanted) return;
      made = URL.createObjectURL(bytes);
      setBlob(made);
    };
    read().then(show, () => {});
    return () => {
      isWanted = false;
      if (made) URL.revokeObjectURL(made);
    };
  }, [address]);
  return hasKey() ? blob : address;
}
