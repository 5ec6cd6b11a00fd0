// Exact search over what the catalogue has: always at the catalogue's own sequence number.
import { AppError } from "../../core/errors.ts";
import { dot } from "../../core/vector.ts";
import type { Embedding } from "../../server/domain/content.ts";
import { matchesFilter } from "../../server/domain/filter.ts";
import type { ImageMatch } from "../../server/domain/image.ts";
import type { Catalogue, VectorSearch } from "../../server/storage/ports.ts";

/** Makes the search over a catalogue. */
export function createMemoryVectors(catalogue: Catalogue): VectorSearch {
  return {
    open({ encoder, card: { dimensions } }) {
      let isServing = false;
      const all = async (): Promise<Embedding[]> => {
        if (!isServing) throw new AppError("index_unavailable", "The index is being built.");
        const found: Embedding[] = [];
        for await (const batch of catalogue.embeddings.list(encoder, 1000)) found.push(...batch);
        return found;
      };
      const ranked = async (query: Float32Array) =>
        (await all())
          .map(({ content, vector }) => ({ content, score: dot(query, vector) }))
          .sort((a, b) => b.score - a.score || a.content - b.content);
      return {
        get isServing() {
          return isServing;
        },
        async fill() {
          isServing = true;
        },
        async optimise() {},
        async reached() {},
        async search(query, { limit, minScore, leftOut, filter }) {
          const found = (await ranked(query)).filter(({ score }) => score >= minScore);
          const imagesWith = await catalogue.images.withContents(found.map(({ content }) => content));
          const matches = found.flatMap(({ content, score }): ImageMatch[] =>
            (imagesWith.get(content) ?? [])
              .filter((image) => !leftOut.has(image.id) && (!filter || matchesFilter(filter, image)))
              .map(({ id, width, height, metadata }) => ({ id, score, width, height, metadata })),
          );
          return matches.slice(0, limit);
        },
        async nearest(query, k) {
          const found = (await ranked(query)).slice(0, k);
          return { contents: found.map(({ content }) => content), scores: found.map(({ score }) => score) };
        },
        async size() {
          if (!isServing) await all();
          const { sequence, embedded } = await catalogue.embeddings.tally(encoder);
          return { sequence, contents: embedded };
        },
        async inspect() {
          const distinct = new Map((await all()).map(({ vector }) => [vector.join(), vector]));
          const mean = new Float32Array(dimensions);
          for (const vector of distinct.values()) {
            for (let i = 0; i < dimensions; i++) mean[i]! += vector[i]! / distinct.size;
          }
          return { recallAt10: 1, spread: 1 - dot(mean, mean) };
        },
        async close() {
          isServing = false;
        },
      };
    },
    async removeUnused() {},
  };
}
