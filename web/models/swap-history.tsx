// The swaps of this server, with their reports.
import type { SwapView } from "../../client/index.ts";
import { Button } from "../parts/button.tsx";
import { formatTime } from "../parts/words.ts";
import { models } from "../state/server.ts";
import { useAnswer } from "../state/use-answer.ts";
import { follow, shownSwap } from "./swap.ts";

const SHOWN = 20;

export function SwapHistory() {
  const { answer } = useAnswer(
    (api) => api.listSwaps({ limit: SHOWN }),
    [models.value?.active?.generation, shownSwap.value?.state],
  );
  if (!answer || answer.length === 0) return null;
  return (
    <details class="panel history">
      <summary>History of swaps</summary>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              {["When", "Model", "Generation", "Outcome", ""].map((name) => (
                <th scope="col" key={name}>
                  {name || <span class="hidden">Report</span>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {answer.map((swap) => (
              <Row key={swap.id} swap={swap} />
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

const OUTCOMES: Readonly<Record<string, string>> = {
  active: "answers",
  retired: "answered before",
  failed: "failed",
  cancelled: "cancelled",
};

function Row({ swap }: { readonly swap: SwapView }) {
  const { createdAt, kind, model, replaces, generation, state, error } = swap;
  const show = () => {
    follow(swap);
    scrollTo(0, 0);
  };
  return (
    <tr>
      <td>{formatTime(createdAt)}</td>
      <th scope="row">
        {model.name}
        {kind === "rollback" && " (rollback)"}
      </th>
      <td>{`${replaces} → ${generation}`}</td>
      <td title={error?.detail}>{OUTCOMES[state] ?? state}</td>
      <td>
        <Button kind="link" aria-label={`Report of the swap to ${model.name}, ${formatTime(createdAt)}`} onClick={show}>
          Report
        </Button>
      </td>
    </tr>
  );
}
