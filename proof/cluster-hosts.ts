// Where the servers of the proof run: on this machine, or each on a host of its own whose link to the storage can be
// cut.
import { type Namespace, openNamespace } from "./namespace.ts";

/** Where a server runs and where it finds its storage. */
export interface Place {
  readonly host: string;
  readonly database: string;
  readonly files: string;
  readonly node?: string;
}

export interface Hosts {
  readonly places: readonly Place[];
  cut(server: number): Promise<void>;
  mend(server: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Makes places for servers.
 *
 * @param options.files s3://bucket/prefix?endpoint=…
 * @param options.folder Where what belongs to a host is written.
 * @param options.areApart Each on a host of its own; needs Linux, root and iproute2.
 */
export async function openHosts({
  database,
  files,
  servers,
  folder,
  areApart,
}: {
  readonly database: string;
  readonly files: string;
  readonly servers: number;
  readonly folder: string;
  readonly areApart: boolean;
}): Promise<Hosts> {
  const endpoint = new URL(new URL(files).searchParams.get("endpoint")!);
  const filesAt = (host: string, port: number) => {
    const url = new URL(files);
    url.searchParams.set("endpoint", `http://${host}:${port}`);
    return url.href;
  };
  const namespaces: Namespace[] = [];
  const places: Place[] = [];
  const close = async () => {
    for (const namespace of namespaces) await namespace.close();
  };
  try {
    for (let i = 0; i < servers; i++) {
      if (!areApart) {
        places.push({ host: "127.0.0.1", database, files });
        continue;
      }
      const namespace = await openNamespace(i, folder);
      namespaces.push(namespace);
      const { host, node } = namespace;
      const address = new URL(database);
      const inside = await namespace.reach(Number(address.port));
      address.host = `${inside.host}:${inside.port}`;
      const storeInside = await namespace.reach(Number(endpoint.port));
      places.push({ host, node, database: address.href, files: filesAt(storeInside.host, storeInside.port) });
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    places,
    cut: (server) => namespaces[server]!.cut(),
    mend: (server) => namespaces[server]!.mend(),
    close,
  };
}
