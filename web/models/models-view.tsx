// The models: which one answers, how they compare, and how another one takes over.
import { useEffect, useState } from "preact/hooks";
import { Button } from "../parts/button.tsx";
import { Failure } from "../parts/notice.tsx";
import { api, models, problemOf, readModels, returns } from "../state/server.ts";
import { Comparison } from "./comparison.tsx";
import { ModelRow } from "./model-row.tsx";
import { ServersPanel } from "./servers-panel.tsx";
import { begin, shownSwap } from "./swap.ts";
import { SwapHistory } from "./swap-history.tsx";
import { SwapPanel } from "./swap-panel.tsx";

const ORDER = { active: 0, loading: 1, available: 2, invalid: 3 };

export function ModelsView() {
  const [problem, setProblem] = useState<ReturnType<typeof problemOf>>();
  const read = () =>
    readModels().then(
      () => setProblem(undefined),
      (error) => setProblem(problemOf(error)),
    );
  useEffect(() => void read(), [returns.value]);
  const list = models.value;
  const swap = shownSwap.value;
  return (
    <div class="models">
      <div class="row heading">
        <div>
          <h1>Models</h1>
          <p class="summary">Activate a newly trained model while searches go on; nothing is interrupted.</p>
        </div>
        {list?.previous && (
          <Button disabled={list.swap !== null} onClick={() => void begin(() => api.rollback())}>
            {`Roll back to ${list.previous.card.name}`}
          </Button>
        )}
      </div>
      {swap && <SwapPanel swap={swap} />}
      {swap?.report?.comparison && <Comparison swap={swap} />}
      {problem && <Failure problem={problem} again={() => void read()} />}
      {list && !problem && (
        <ul class="cards" aria-label="Models">
          {allModels(list).map((model) => (
            <ModelRow key={`${model.name} ${model.state}`} model={model} list={list} />
          ))}
        </ul>
      )}
      <SwapHistory />
      <ServersPanel />
    </div>
  );
}

/** The models, the one that answers first, which may no longer lie in the folder. */
function allModels({ active, models: found }: NonNullable<typeof models.value>) {
  const isGone =
    active && !found.some((model) => model.state !== "invalid" && model.card.sha256 === active.card.sha256);
  const all = isGone ? [{ name: active.card.name, state: "active" as const, card: active.card }, ...found] : [...found];
  return all.sort((a, b) => ORDER[a.state] - ORDER[b.state]);
}
