// The gate's comparison of two models: the same queries before and after, side by side.
import type { SwapView } from "../../client/index.ts";
import { Thumbnail } from "../parts/thumbnail.tsx";
import { formatScore, percent } from "../parts/words.ts";
import { models } from "../state/server.ts";

/** Most queries shown of those in the report. */
const QUERIES = 6;

export function Comparison({ swap: { report, replaces, generation, model } }: { readonly swap: SwapView }) {
  const { sample, overlapAt10, changedMost } = report!.comparison!.neighbours;
  const { active, previous } = models.value ?? {};
  const before = [active, previous].find((one) => one?.generation === replaces);
  const names = [
    before ? `${before.card.name} (generation ${replaces})` : `generation ${replaces}`,
    `${model.name} (generation ${generation})`,
  ];
  return (
    <section class="panel comparison">
      <h2 id="comparison-title">Before and after</h2>
      <p class="hint">
        {`Of the 10 nearest images ${percent(overlapAt10, 0)} stayed the same, over ${sample.toLocaleString()} queries. These changed most; what only one model finds is framed.`}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways must be reached with the keyboard. */}
      <section class="scroll" tabIndex={0} aria-labelledby="comparison-title">
        <table>
          <thead>
            <tr>
              {["Query", ...names].map((name) => (
                <th scope="col" key={name}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {changedMost.slice(0, QUERIES).map(({ id, overlapAt10, before, after, scores }) => (
              <tr key={id}>
                <th scope="row">
                  <Thumbnail image={{ id }} side={58} />
                  <small>{percent(overlapAt10, 0)} kept</small>
                </th>
                <td>
                  <MatchList ids={before} scores={scores?.before} others={after} />
                </td>
                <td>
                  <MatchList ids={after} scores={scores?.after} others={before} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}

interface MatchListProps {
  readonly ids: readonly string[];
  readonly scores: readonly number[] | undefined;
  /** What the other model finds. */
  readonly others: readonly string[];
}

function MatchList({ ids, scores, others }: MatchListProps) {
  return (
    <ol class="matches">
      {ids.map((id, i) => (
        <li key={id} class={others.includes(id) ? undefined : "only"}>
          <Thumbnail image={{ id }} side={58} />
          {scores && <small>{formatScore(scores[i]!)}</small>}
        </li>
      ))}
    </ol>
  );
}
