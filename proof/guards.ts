// Servers with one guard of the swap removed, to show that the proof notices.
import { createGenerations } from "../server/generation/generations.ts";
import type { Parts } from "../server/main.ts";

/**
 * `dualWrite`: new images and deletes go to the candidate too. `pinning`: a request keeps its generation. `tombstones`:
 * an image that is deleted while its embedding is computed does not enter the index. `gate`: a candidate is examined.
 */
export type Guard = "dualWrite" | "pinning" | "tombstones" | "gate";

type SomeParts = Pick<Parts, "openStore" | "openGeneration">;

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
      return { ...parts, openStore: async (folder) => withoutTombstones(await parts.openStore(folder)) };
    case "gate":
      return {
        ...parts,
        async openGeneration(record, store, options, logger) {
          const generation = await parts.openGeneration(record, store, options, logger);
          const inspect = async () => ({ size: store.images.countContents(), recallAt10: 1, spread: 1 });
          const index = { ...generation.index, isServing: true, inspect };
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

function withoutTombstones(store: Awaited<ReturnType<Parts["openStore"]>>): typeof store {
  const add: typeof store.embeddings.add = (encoder, embedding) => {
    store.embeddings.add(encoder, embedding);
    return true;
  };
  return { ...store, embeddings: { ...store.embeddings, add } };
}
