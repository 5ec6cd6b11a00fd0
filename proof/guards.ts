// Servers with one guard of the swap removed, to show that the proof notices.

import type { Parts } from "../server/assemble.ts";
import { createGenerations } from "../server/generation/generations.ts";
import type { Catalogue, Change } from "../server/storage/ports.ts";

/**
 * `dualWrite`: new images and deletes go to the candidate too. `pinning`: a request keeps its generation. `tombstones`:
 * an image that is deleted while its embedding is computed does not enter the index. `gate`: a candidate is examined.
 */
export type Guard = "dualWrite" | "pinning" | "tombstones" | "gate";

type SomeParts = Pick<Parts, "openStorage" | "openGeneration">;

/** `parts` without `guard`; as they are where it is undefined. */
export function withoutGuard(guard: Guard | undefined, parts: SomeParts): Partial<Parts> {
  switch (guard) {
    case undefined:
      return parts;
    case "dualWrite":
      return { ...parts, createGenerations: withoutDualWrite };
    case "pinning":
      return { ...parts, createGenerations: withoutPinning };
    case "tombstones":
      return {
        ...parts,
        openStorage: (folder, logger) => parts.openStorage(folder, logger, { wrapCatalogue: withoutTombstones }),
      };
    case "gate":
      return {
        ...parts,
        async openGeneration(record, storage, options, deps) {
          const generation = await parts.openGeneration(record, storage, options, deps);
          const inspect = async () => ({ recallAt10: 1, spread: 1 });
          const size = async (sequence: number) => {
            const { embedded } = await storage.catalogue.embeddings.tally(record.encoder);
            return { sequence, contents: embedded };
          };
          const index = { ...generation.index, isServing: true, inspect, size };
          Object.defineProperty(index, "isServing", { get: () => generation.index.isServing });
          return Object.create(generation, { index: { value: index } });
        },
      };
  }
}

const withoutDualWrite: Parts["createGenerations"] = () => {
  const generations = createGenerations();
  return Object.create(generations, {
    setCandidate: {
      // The first generation of a server comes this way too.
      value: (candidate: Parameters<typeof generations.setCandidate>[0]) => {
        if (!generations.serving) generations.setCandidate(candidate);
      },
    },
  });
};

const withoutPinning: Parts["createGenerations"] = () => {
  const generations = createGenerations();
  const whicheverIsActive = new Proxy({} as ReturnType<typeof generations.active>, {
    get: (_, property) => Reflect.get(generations.active(), property),
  });
  return Object.create(generations, {
    use: {
      value: <T>(action: (generation: typeof whicheverIsActive) => Promise<T>) =>
        generations.use(() => action(whicheverIsActive)),
    },
  });
};

/** A catalogue that tells those who follow it of every embedding that it was to add, also where the content is gone. */
function withoutTombstones(catalogue: Catalogue): Catalogue {
  const adding = new Set<Change["added"]>();
  return {
    ...catalogue,
    embeddings: {
      ...catalogue.embeddings,
      async add(encoder, embeddings) {
        const added = embeddings.map((embedding) => ({ encoder, ...embedding }));
        adding.add(added);
        try {
          return await catalogue.embeddings.add(encoder, embeddings);
        } finally {
          adding.delete(added);
        }
      },
    },
    follow: (listener) =>
      catalogue.follow((change) => listener({ ...change, added: [...change.added, ...[...adding].flat()] })),
  };
}
