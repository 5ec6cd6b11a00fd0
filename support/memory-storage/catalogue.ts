// The catalogue as maps. A commit is one synchronous function that checks before it writes, so it is whole or nothing.
import { randomBytes } from "node:crypto";
import { AppError } from "../../core/errors.ts";
import { sha256 } from "../../core/hash.ts";
import type { ModelCard } from "../../core/model-card.ts";
import type { ApiKeyRecord } from "../../server/domain/api-key.ts";
import type { Content } from "../../server/domain/content.ts";
import { matchesFilter } from "../../server/domain/filter.ts";
import {
  checkReplaces,
  encoderKey,
  type GenerationRecord,
  type GenerationState,
} from "../../server/domain/generation.ts";
import type { Image, NewImage, StoredImage } from "../../server/domain/image.ts";
import { newId } from "../../server/domain/new-id.ts";
import { awaitsApproval, hasEnded, type SwapOptions, type SwapRecord } from "../../server/domain/swap.ts";
import type { Catalogue, Change } from "../../server/storage/ports.ts";

type ImageEntry = Pick<Image, "id" | "metadata" | "createdAt"> & { readonly number: number; readonly content: number };
type StoredContent = Omit<NewImage, "metadata"> & Content;

/** Makes an empty catalogue. */
export function createMemoryCatalogue(): Catalogue {
  let sequence = 0;
  let lastImage = 0;
  let lastContent = 0;
  const images: ImageEntry[] = [];
  const contents = new Map<number, StoredContent>();
  /** By encoder, by content. */
  const embeddings = new Map<number, Map<number, Float32Array>>();
  const encoders: string[] = [];
  const generations: GenerationRecord[] = [];
  const swaps: SwapRecord[] = [];
  const uploads = new Map<string, { content: string; image: Image }>();
  const keys = new Map<string, ApiKeyRecord>();
  const listeners = new Set<(change: Change) => void>();

  const now = () => new Date().toISOString();
  const of = (encoder: number) => {
    const vectors = embeddings.get(encoder) ?? new Map<number, Float32Array>();
    embeddings.set(encoder, vectors);
    return vectors;
  };
  const lacking = (encoder: number) =>
    [...contents.values()].filter(({ number }) => !of(encoder).has(number)).sort((a, b) => a.number - b.number);
  const contentWith = (hash: string) => [...contents.values()].find((content) => content.sha256 === hash);
  const asContent = ({ number, sha256, bytes }: StoredContent): Content => ({ number, sha256, bytes });
  const asStored = ({ content, number: _, ...image }: ImageEntry): StoredImage => {
    const { number: __, ...stored } = contents.get(content)!;
    return structuredClone({ ...image, ...stored });
  };
  const asFiltered = (entry: ImageEntry) => {
    const { id: _, sha256: __, ...image } = asStored(entry);
    return { ...image, number: entry.number, content: entry.content };
  };
  const asImage = (image: ImageEntry): Image => {
    const oldest = images.find((other) => other.content === image.content)!;
    return { ...asStored(image), ...(oldest.id !== image.id && { duplicateOf: oldest.id }) };
  };
  const tell = (added: Change["added"], removed: readonly number[]) => {
    if (added.length + removed.length === 0) return;
    sequence++;
    for (const listener of listeners) listener({ sequence, added, removed });
  };
  async function* inBatches<T>(all: readonly T[], size: number): AsyncGenerator<T[]> {
    for (let from = 0; from < all.length; from += size) yield all.slice(from, from + size);
  }

  const inState = (state: GenerationState) => generations.findLast((one) => one.state === state);
  const setState = (number: number, state: GenerationState) => {
    generations[number - 1] = { ...generations[number - 1]!, state };
  };
  const addGeneration = (card: ModelCard, state: GenerationState): GenerationRecord => {
    const key = encoderKey(card);
    const encoder = encoders.includes(key) ? encoders.indexOf(key) + 1 : encoders.push(key);
    const generation = { number: generations.length + 1, encoder, card, state };
    generations.push(generation);
    return generation;
  };
  const unusedEncoders = () => {
    const used = (["candidate", "active", "retired"] as const).map((state) =>
      generations.filter((one) => one.state === state).map(({ encoder }) => encoder),
    );
    return encoders.map((_, i) => i + 1).filter((encoder) => !used.flat().includes(encoder));
  };

  const running = () => swaps.find((swap) => !hasEnded(swap));
  const changeSwap = (id: string, change: Partial<SwapRecord>): SwapRecord => {
    const swap = running();
    if (swap?.id !== id) throw new AppError("swap_finished", `Swap ${id} has ended.`);
    const changed = { ...swap, ...change, updatedAt: now() };
    swaps[swaps.indexOf(swap)] = changed;
    return changed;
  };
  const beginSwap = (
    kind: SwapRecord["kind"],
    { force, review = false, skipDamaged = false }: SwapOptions,
    choose: () => number | undefined,
  ): SwapRecord => {
    const other = running();
    if (other) throw new AppError("swap_in_progress", `Swap ${other.id} is running.`);
    const replaces = inState("active")?.number;
    if (replaces === undefined) throw new AppError("not_ready", "No model has been active yet.");
    const generation = choose();
    if (generation === undefined) throw new AppError("no_previous_generation", "There is none.");
    const at = now();
    const swap = {
      id: newId(),
      kind,
      generation,
      replaces,
      state: "loading",
      force,
      review,
      skipDamaged,
      createdAt: at,
      updatedAt: at,
    } as const;
    swaps.push(swap);
    return swap;
  };

  return {
    images: {
      async get(id) {
        const image = images.find((one) => one.id === id);
        return image && asImage(image);
      },
      async *list({ order = "newest", after, batch }) {
        const ordered = order === "newest" ? [...images].reverse() : [...images];
        const from =
          after === undefined
            ? 0
            : ordered.findIndex(({ number }) => (order === "newest" ? number < after : number > after));
        for await (const some of inBatches(from < 0 ? [] : ordered.slice(from), batch)) {
          yield some.map((image) => ({ number: image.number, image: asImage(image) }));
        }
      },
      each: () => inBatches(images.map(asFiltered), 1000),
      async withContents(wanted) {
        const found = new Map<number, StoredImage[]>();
        for (const content of [...new Set(wanted)].sort((a, b) => a - b)) {
          const own = images.filter((image) => image.content === content);
          if (own.length > 0) found.set(content, own.map(asStored));
        }
        return found;
      },
      count: async (filter) => images.filter((image) => !filter || matchesFilter(filter, asStored(image))).length,
      uploaded: async ({ key, position }) => uploads.get(JSON.stringify([key, position])),
      async add({ metadata, ...image }, vectors, key) {
        const active = inState("active");
        const known = contentWith(image.sha256);
        const isEmbedded = active && (vectors.has(active.encoder) || (known && of(active.encoder).has(known.number)));
        if (active && !isEmbedded) return { lacking: active };
        const content = known?.number ?? ++lastContent;
        if (!known) contents.set(content, { ...image, number: content });
        const stored = { id: newId(), number: ++lastImage, content, metadata, createdAt: now() };
        images.push(structuredClone(stored));
        const added = [...vectors].flatMap(([encoder, vector]) => {
          if (of(encoder).has(content)) return [];
          of(encoder).set(content, vector.slice());
          return [{ encoder, content, vector }];
        });
        tell(added, []);
        if (key) uploads.set(JSON.stringify([key.key, key.position]), { content: key.content, image: asImage(stored) });
        return { image: asImage(stored), content, generation: active?.number, sequence };
      },
      async changeMetadata(id, change) {
        const at = images.findIndex((image) => image.id === id);
        if (at < 0) return undefined;
        images[at] = { ...images[at]!, metadata: structuredClone(change(structuredClone(images[at]!.metadata))) };
        return asImage(images[at]!);
      },
      async remove(id) {
        const at = images.findIndex((image) => image.id === id);
        if (at < 0) return undefined;
        const [{ content }] = images.splice(at, 1) as [ImageEntry];
        if (images.some((image) => image.content === content)) return { sequence };
        const gone = asContent(contents.get(content)!);
        contents.delete(content);
        for (const vectors of embeddings.values()) vectors.delete(content);
        tell([], [content]);
        return { content: gone, sequence };
      },
    },
    contents: {
      async ofImage(id) {
        const image = images.find((one) => one.id === id);
        return image && asContent(contents.get(image.content)!);
      },
      number: async (hash) => contentWith(hash)?.number,
      known: async (hashes) => hashes.filter((hash) => contentWith(hash)),
      async sha256s(numbers) {
        const there = [...numbers].filter((number) => contents.has(number));
        return new Map(there.map((number) => [number, contents.get(number)!.sha256]));
      },
      ofSeveralImages: async () =>
        [...contents.keys()].filter((number) => images.filter(({ content }) => content === number).length > 1),
      async sample(limit) {
        const numbers = [...contents.keys()];
        const step = Math.max(1, numbers.length / limit);
        return Array.from({ length: Math.min(limit, numbers.length) }, (_, i) => numbers[Math.floor(i * step)]!);
      },
      count: async () => contents.size,
    },
    embeddings: {
      get: async (encoder, content) => of(encoder).get(content)?.slice(),
      list(encoder, batch) {
        const all = [...of(encoder)].sort(([a], [b]) => a - b);
        return inBatches(
          all.map(([content, vector]) => ({ content, vector })),
          batch,
        );
      },
      lacking: (encoder, batch) => inBatches(lacking(encoder).map(asContent), batch),
      tally: async (encoder) => ({ sequence, contents: contents.size, embedded: of(encoder).size }),
      async add(encoder, some) {
        const added = some
          .filter(({ content }) => contents.has(content) && !of(encoder).has(content))
          .map(({ content, vector }) => ({ encoder, content, vector: vector.slice() }));
        for (const { content, vector } of added) of(encoder).set(content, vector);
        tell(added, []);
        return { sequence };
      },
      async forgetUnused(limit) {
        let forgotten = 0;
        for (const encoder of unusedEncoders()) {
          for (const content of [...of(encoder).keys()].slice(0, limit - forgotten)) {
            of(encoder).delete(content);
            forgotten++;
          }
        }
        return forgotten;
      },
    },
    generations: {
      get: async (number) => generations[number - 1],
      inState: async (state) => inState(state),
      async modelsInUse() {
        const used = (["candidate", "active", "retired"] as const).map((state) => inState(state)?.card.sha256);
        return new Set(used.filter((hash) => hash !== undefined));
      },
      unusedEncoders: async () => unusedEncoders(),
      addFirst: async (card) => inState("active") ?? addGeneration(card, "active"),
    },
    swaps: {
      get: async (id) => swaps.find((swap) => swap.id === id),
      running: async () => running(),
      newest: async (limit) => [...swaps].reverse().slice(0, limit),
      begin: async (card, options) =>
        beginSwap("activate", options, () => {
          checkReplaces(card, inState("active")!);
          return addGeneration(card, "candidate").number;
        }),
      beginRollback: async () =>
        beginSwap("rollback", { force: false, skipDamaged: true }, () => inState("retired")?.number),
      enter: async (id, state) => void changeSwap(id, { state }),
      report: async (id, report) => void changeSwap(id, { report }),
      async approve(id) {
        if (!awaitsApproval(changeSwap(id, {}))) throw new AppError("not_in_review", `Swap ${id} does not wait.`);
        return changeSwap(id, { approvedAt: now() });
      },
      async end(id, state, error) {
        const { kind, generation } = changeSwap(id, { state, ...(error && { error }) });
        if (kind === "activate") setState(generation, "failed");
      },
      async switchTo(id, without) {
        const { generation } = changeSwap(id, {});
        if (lacking(generations[generation - 1]!.encoder).some(({ number }) => !without?.has(number))) return false;
        for (const one of generations) if (one.state === "retired") setState(one.number, "gone");
        setState(inState("active")!.number, "retired");
        setState(generation, "active");
        for (const [i, swap] of swaps.entries()) if (swap.state === "active") swaps[i] = { ...swap, state: "retired" };
        changeSwap(id, { state: "active" });
        return true;
      },
    },
    apiKeys: {
      roleOf: async (key) => keys.get(sha256(key))?.role,
      list: async () => [...keys.values()],
      async create(role, name) {
        const key = `moco_${randomBytes(32).toString("base64url")}`;
        const record = { id: randomBytes(6).toString("hex"), role, name, createdAt: now() };
        keys.set(sha256(key), record);
        return { ...record, key };
      },
      async revoke(id) {
        const found = [...keys].find(([, record]) => record.id === id);
        return found !== undefined && keys.delete(found[0]);
      },
    },
    async follow(listener) {
      listeners.add(listener);
      return { sequence, stop: () => void listeners.delete(listener) };
    },
  };
}
