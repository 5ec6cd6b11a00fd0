// Servers of one storage with a fence of the swap removed, to show that the proof notices; and pauses that let each
// race happen that the fences decide.
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { openSharedStorage as OpenSharedStorage } from "../server/storage/open-shared.ts";
import type { Catalogue, Servers, Storage } from "../server/storage/ports.ts";
import type { Database } from "../server/storage/postgres/database.ts";
import type { Query } from "../server/storage/postgres/query.ts";

/**
 * `commit`: an upload reads which generation is active in its own transaction. `count`: the switch counts embeddings.
 * `opened`: it waits for servers that do not have the candidate open. `search`: an answer is given up where another
 * generation is active by the transaction that searched. `lead`: a server that has lost the lead commits nothing about
 * swaps.
 */
export const FENCES = ["commit", "count", "opened", "search", "lead"] as const;
export type Fence = (typeof FENCES)[number];

/** What a statement becomes without a fence. */
const REWRITTEN: Partial<Record<Fence, readonly [string | RegExp, string]>> = {
  count: [
    "SELECT sequence, contents, embedded FROM moco_search",
    "SELECT sequence, embedded AS contents, embedded FROM moco_search",
  ],
  opened: ["AND NOT $1 = ANY (generations)", "AND $1 = 0"],
  search: [
    /^SELECT number FROM generations WHERE state = 'active'$/, // alone: others read it as a part of theirs
    "SELECT number FROM generations WHERE false",
  ],
  lead: ["UPDATE leadership SET epoch = epoch + 1, server = $1", "UPDATE leadership SET server = $1"],
};

/** Opens the storage that servers share, for a server without a fence. */
export async function openSharedWithout(
  fence: Fence | undefined,
  places: Parameters<typeof OpenSharedStorage>[0],
  logger: Logger,
): Promise<Storage> {
  // Its drivers take a third as long to load as the server, and a server of its own folder needs none.
  const { openSharedStorage } = await import("../server/storage/open-shared.ts");
  const storage = await openSharedStorage(places, logger, {
    wrapDatabase: (database) => (fence ? withoutFence(database, fence) : database),
  });
  const { servers } = storage;
  if (fence !== "opened" || !servers) return storage;
  const everything = Array.from({ length: 1000 }, (_, number) => number);
  const list = async () => (await servers.list()).map((server) => ({ ...server, generations: everything }));
  return { ...storage, servers: { ...servers, list } };
}

function withoutFence(database: Database, fence: Fence): Database {
  const [from, to] = REWRITTEN[fence] ?? ["", ""];
  /** The number of the generation that a server without the fence `commit` believes to be active, whatever it reads. */
  let believed: number | undefined;
  const wrap = (query: Query): Query => {
    const rewritten: Query = async <Row extends object>(text: string, values?: readonly unknown[]) => {
      if (fence !== "commit" || !/FROM generations .* FOR SHARE/.test(text)) {
        return query<Row>(
          text.replace(from, () => to),
          values,
        );
      }
      const rows = await query<Row & { number: number; state: string }>(text, values);
      believed ??= rows.find(({ state }) => state === "active")?.number;
      return rows.map((row) => ({ ...row, state: row.number === believed ? "active" : "candidate" }));
    };
    return rewritten;
  };
  return {
    ...database,
    query: wrap(database.query),
    transaction: (action) => database.transaction((query) => action(wrap(query))),
    async connect(options) {
      const connection = await database.connect(options);
      return { ...connection, query: wrap(connection.query) };
    },
  };
}

/** Opening a candidate takes longer than a request waits for it that comes seconds after the switch, milliseconds. */
const SLOW_OPEN_MS = 20_000;
/** A swap waits so long for an upload to be kept, milliseconds. */
const SLOW_LOADING_MS = 12_000;
const LOOK_MS = 50;
/** Word of a switch takes so long to another server, milliseconds: what asks it meanwhile has still to be refused. */
const SLOW_WORD_MS = 4000;
/** An upload is not kept longer than this, milliseconds. */
const KEPT_MS = 240_000;

/** How many uploads a server keeps. */
export interface Kept {
  uploads: number;
}

/**
 * Until a server opens a candidate: the one that runs the swap when it keeps an upload, which the candidate has not
 * embedded; another one some time after the candidate has passed its gate.
 */
export async function untilLate({ swaps }: Catalogue, kept: Kept): Promise<void> {
  const began = performance.now();
  for (let swap = await swaps.running(); swap; swap = await swaps.running()) {
    if (swap.state === "ready") return sleep(SLOW_OPEN_MS);
    if (swap.state === "loading" && (kept.uploads > 0 || performance.now() - began > SLOW_LOADING_MS)) return;
    await sleep(LOOK_MS);
  }
}

/** Servers that hear late of a switch. */
function slowToHear(servers: Servers): Servers {
  let known: number | undefined;
  return {
    ...servers,
    async beat(self) {
      const course = await servers.beat(self);
      if (known !== undefined && course.active !== known) await sleep(SLOW_WORD_MS);
      known = course.active;
      return course;
    },
  };
}

/**
 * A storage where uploads that have been embedded before the candidate was open are kept. Every second one on a server
 * is kept until the candidate has passed its gate: the switch must count it. The others are kept until the candidate
 * answers: their commit must see that. Without the fences `commit` and `opened` these are all: no switch is then
 * refused for what it counts. The servers of the storage are {@link slowToHear}.
 */
export function slowed(storage: Storage, kept: Kept, without?: Fence): Storage {
  const { catalogue, images } = storage;
  const counts = without !== "commit" && without !== "opened";
  let uploads = 0;
  const keep = async (): Promise<void> => {
    const swap = await catalogue.swaps.running();
    if (!swap || swap.state === "verifying" || swap.state === "ready") return;
    kept.uploads++;
    const until = counts && uploads++ % 2 === 0 ? ["ready", "active"] : ["active"];
    for (const deadline = performance.now() + KEPT_MS; performance.now() < deadline; await sleep(LOOK_MS)) {
      const { state } = (await catalogue.swaps.get(swap.id))!;
      if (until.includes(state) || state === "failed") break;
    }
    kept.uploads--;
  };
  return {
    ...storage,
    ...(storage.servers && { servers: slowToHear(storage.servers) }),
    images: {
      ...images,
      async put(sha256, bytes) {
        await keep();
        await images.put(sha256, bytes);
      },
    },
  };
}
