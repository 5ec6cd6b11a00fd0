// What the server has acknowledged, and what became of requests that it may or may not have carried out.

/** Every operation's outcome as the clients know it. */
export interface Ledger {
  /** Image id → picture, for images that are certainly stored. */
  readonly stored: ReadonlyMap<string, number>;
  /** Ids of images whose delete was acknowledged. */
  readonly deleted: ReadonlySet<string>;
  /** Ids whose delete was begun; not yet, or never, acknowledged. */
  readonly leaving: ReadonlySet<string>;
  /** Pictures of uploads that were not acknowledged: stored or not. */
  readonly uncertain: ReadonlySet<number>;
  /** Image id → note, for images whose last change of metadata was acknowledged. */
  readonly notes: ReadonlyMap<string, number>;
  /** Images acknowledged since this was asked last. */
  takeRecent(): string[];
  uploaded(id: string, picture: number): void;
  uploadFailed(picture: number): void;
  /** Until `changed` the note is the old or the new one. */
  changing(id: string): void;
  changed(id: string, note: number): void;
  deleting(id: string): void;
  gone(id: string): void;
}

/** Makes an empty ledger. */
export function createLedger(): Ledger {
  const stored = new Map<string, number>();
  const deleted = new Set<string>();
  const leaving = new Set<string>();
  const uncertain = new Set<number>();
  const notes = new Map<string, number>();
  let recent: string[] = [];
  return {
    stored,
    deleted,
    leaving,
    uncertain,
    notes,
    takeRecent() {
      const taken = recent.filter((id) => stored.has(id));
      recent = [];
      return taken;
    },
    uploaded(id, picture) {
      stored.set(id, picture);
      recent.push(id);
    },
    uploadFailed: (picture) => void uncertain.add(picture),
    changing: (id) => void notes.delete(id),
    changed: (id, note) => void notes.set(id, note),
    deleting(id) {
      stored.delete(id);
      leaving.add(id);
    },
    gone(id) {
      leaving.delete(id);
      deleted.add(id);
    },
  };
}
