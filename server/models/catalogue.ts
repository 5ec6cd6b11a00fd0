// The models of models/, and which of them serves.

import type { ModelCard } from "../../core/model-card.ts";
import { listModels, readModel } from "../../core/model-folder.ts";
import { encoderKey, type GenerationRecord } from "../domain/generation.ts";
import type { ModelList, ModelView, ServedModel } from "../domain/model.ts";
import type { SwapView } from "../domain/swap.ts";
import type { Generations } from "../generation/generations.ts";
import type { Swaps } from "../swap/swaps.ts";
import type { Threshold } from "./threshold.ts";

export interface ModelCatalogue {
  /** `active` is the model that serves, even if models/ has another one of that name by now. */
  list(): Promise<ModelList>;
  /** @throws AppError `model_not_found`, `invalid_model`. */
  get(name: string): Promise<ModelView>;
}

/** Makes the catalogue of a models folder. */
export function createModelCatalogue(
  modelsFolder: string,
  {
    generations,
    swaps,
    threshold,
    appearedAt,
    refresh = async () => {},
  }: {
    generations: Generations;
    swaps: Swaps;
    threshold: Threshold;
    appearedAt: (card: ModelCard) => string | undefined;
    /** Lets the generation answer that is active by the storage, where several servers share it. */
    refresh?: (() => Promise<void>) | undefined;
  },
): ModelCatalogue {
  const viewOf = (card: ModelCard, swap: SwapView | undefined): ModelView => {
    const { serving } = generations;
    const isActive = serving && encoderKey(serving.card) === encoderKey(card);
    const state = swap?.model.sha256 === card.sha256 ? "loading" : isActive ? "active" : "available";
    const since = appearedAt(card);
    return { name: card.name, state, card, ...(since && { appearedAt: since }) };
  };
  const served = (generation: Pick<GenerationRecord, "number" | "card"> | undefined): ServedModel | null =>
    generation ? { generation: generation.number, card: generation.card } : null;
  return {
    async list() {
      await refresh();
      const found = await listModels(modelsFolder);
      const swap = await swaps.running();
      const models = found.map((entry): ModelView => {
        if ("error" in entry) return { name: entry.name, state: "invalid", reason: entry.error.message };
        return viewOf(entry.model.card, swap);
      });
      const active = served(generations.serving);
      const alikeFrom = await threshold();
      return {
        active: active && { ...active, ...(alikeFrom !== undefined && { threshold: alikeFrom }) },
        previous: served(await swaps.previous()),
        swap: swap ?? null,
        models,
      };
    },
    async get(name) {
      const { card } = await readModel(modelsFolder, name);
      await refresh();
      return viewOf(card, await swaps.running());
    },
  };
}
