// What is in models/, and which of it serves.

import type { ModelCard } from "../../core/model-card.ts";
import { listModels, readModel } from "../../core/model-folder.ts";
import { encoderKey } from "../generation/generation.ts";
import type { Generations } from "../generation/generations.ts";
import type { Swaps, SwapView } from "../swap/swaps.ts";

/** `active`: its encoder answers; `loading`: a swap to it runs; `available`: it can be activated. */
export type ModelState = "active" | "loading" | "available";

/** A model of models/, or why a folder there cannot be used. `appearedAt`: since the server started, ISO 8601. */
export type ModelView =
  | { readonly name: string; readonly state: ModelState; readonly card: ModelCard; readonly appearedAt?: string }
  | { readonly name: string; readonly state: "invalid"; readonly reason: string };

/** A model as a generation serves it. */
export interface ServedModel {
  readonly generation: number;
  readonly card: ModelCard;
  /** Two stored images taken at random score higher once in a thousand times; known from the first swap on. */
  readonly threshold?: number;
}

export interface ModelCatalogue {
  /** `active` is what serves, even where models/ has another model of that name by now. */
  list(): Promise<{
    active: ServedModel | null;
    /** What a rollback goes back to. */
    previous: ServedModel | null;
    /** The swap that runs. */
    swap: SwapView | null;
    models: ModelView[];
  }>;
  /** @throws AppError `model_not_found`, `invalid_model`. */
  get(name: string): Promise<ModelView>;
}

/** Makes the catalogue of a models folder. */
export function createModelCatalogue(
  modelsFolder: string,
  {
    generations,
    swaps,
    appearedAt,
  }: { generations: Generations; swaps: Swaps; appearedAt: (card: ModelCard) => string | undefined },
): ModelCatalogue {
  const stateOf = (card: ModelCard): ModelState => {
    if (swaps.running()?.model.sha256 === card.sha256) return "loading";
    const serving = generations.serving;
    return serving && encoderKey(serving.card) === encoderKey(card) ? "active" : "available";
  };
  const viewOf = (card: ModelCard): ModelView => {
    const since = appearedAt(card);
    return { name: card.name, state: stateOf(card), card, ...(since && { appearedAt: since }) };
  };
  return {
    async list() {
      const found = await listModels(modelsFolder);
      const models = found.map((entry): ModelView => {
        if ("error" in entry) return { name: entry.name, state: "invalid", reason: entry.error.message };
        return viewOf(entry.model.card);
      });
      const { serving } = generations;
      const served = (generation: { readonly number: number; readonly card: ModelCard } | undefined) => {
        if (!generation) return null;
        const threshold = swaps.threshold(generation.number);
        return { generation: generation.number, card: generation.card, ...(threshold !== undefined && { threshold }) };
      };
      return { active: served(serving), previous: served(swaps.previous()), swap: swaps.running() ?? null, models };
    },
    async get(name) {
      const { card } = await readModel(modelsFolder, name);
      return viewOf(card);
    },
  };
}
