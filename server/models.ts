// What is in models/, and which of it serves.

import type { ModelCard } from "../core/model-card.ts";
import { listModels, readModel } from "../core/model-folder.ts";
import { encoderKey } from "./generation/generation.ts";
import type { Generations } from "./generation/generations.ts";
import type { Swaps } from "./generation/swaps.ts";

/** `active`: its encoder answers; `loading`: a swap to it runs; `available`: it can be activated. */
export type ModelState = "active" | "loading" | "available";

/** A model of models/, or why a folder there cannot be used. */
export type ModelView =
  | { readonly name: string; readonly state: ModelState; readonly card: ModelCard }
  | { readonly name: string; readonly state: "invalid"; readonly reason: string };

export interface ModelCatalogue {
  /** `active` is what serves, even where models/ has another model of that name by now. */
  list(): Promise<{ active: { generation: number; card: ModelCard } | null; models: ModelView[] }>;
  /** @throws AppError `model_not_found`, `invalid_model`. */
  get(name: string): Promise<ModelView>;
}

/** Makes the catalogue of a models folder. */
export function createModelCatalogue(modelsFolder: string, generations: Generations, swaps: Swaps): ModelCatalogue {
  const stateOf = (card: ModelCard): ModelState => {
    if (swaps.running()?.model.sha256 === card.sha256) return "loading";
    const serving = generations.serving;
    return serving && encoderKey(serving.card) === encoderKey(card) ? "active" : "available";
  };
  return {
    async list() {
      const found = await listModels(modelsFolder);
      const models = found.map((entry): ModelView => {
        if ("error" in entry) return { name: entry.name, state: "invalid", reason: entry.error.message };
        return { name: entry.name, state: stateOf(entry.model.card), card: entry.model.card };
      });
      const serving = generations.serving;
      return { active: serving ? { generation: serving.number, card: serving.card } : null, models };
    },
    async get(name) {
      const { card } = await readModel(modelsFolder, name);
      return { name, state: stateOf(card), card };
    },
  };
}
