// One model: three numbers to compare it by, what can be done with it, and the rest folded away.
import type { ModelList, ModelView } from "../../client/index.ts";
import { Button } from "../parts/button.tsx";
import { TrainingCurves } from "../parts/curve.tsx";
import { formatDuration, formatTime, percent } from "../parts/words.ts";
import { api } from "../state/server.ts";
import { Facts, Recipe } from "./model-facts.tsx";
import { begin } from "./swap.ts";

type Card = Extract<ModelView, { readonly card: unknown }>["card"];

export function ModelRow({ model, list }: { readonly model: ModelView; readonly list: ModelList }) {
  const { name, state } = model;
  if (model.state === "invalid") {
    return (
      <li class="card invalid">
        <h2>{name}</h2>
        <p>This folder cannot be used.</p>
        <p>{model.reason}</p>
      </li>
    );
  }
  const { card } = model;
  const isBusy = list.swap !== null;
  const badge = { active: `Active · generation ${list.active?.generation}`, loading: "Being activated", available: "" };
  return (
    <li class={`card ${state}`}>
      <div class="row">
        <div>
          <h2>{name}</h2>
          <p class="version">{versionOf(card)}</p>
        </div>
        {badge[model.state] && <span class="badge">{badge[model.state]}</span>}
        {state === "available" && (
          <div class="actions">
            <Button
              kind="primary"
              disabled={isBusy}
              aria-label={`Activate ${name}`}
              onClick={() => void begin(() => api.activateModel(name))}
            >
              Activate
            </Button>
            <Button
              disabled={isBusy}
              aria-label={`Review ${name}`}
              title="Embeds every image, shows what would change, and waits for your word"
              onClick={() => void begin(() => api.activateModel(name, { review: true }))}
            >
              Review
            </Button>
          </div>
        )}
      </div>
      <dl class="headlines">
        {headlines(card).map(([term, value, about]) => (
          <div key={term} title={about}>
            <dt>{term}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <details>
        <summary>Details</summary>
        <Facts card={card} />
        <TrainingCurves curve={card.training?.curve ?? []} />
        {card.training && <Recipe recipe={card.training.recipe} />}
      </details>
    </li>
  );
}

/** What one compares models by: how well it finds, how far apart it keeps what differs, and what it cost. */
function headlines({
  evaluations,
  training,
  fitted,
  scores,
}: Card): Array<[term: string, value: string, about: string]> {
  const tested = evaluations?.find(({ measures }) => measures.knn !== undefined);
  const watched = fitted ? undefined : training?.curve?.findLast(({ knn }) => knn !== undefined)?.knn;
  const quality: [string, string] = tested
    ? [percent(tested.measures.knn!), `Nearest neighbours on ${tested.images}`]
    : watched === undefined
      ? ["–", fitted ? "Not measured since it was fitted" : "Not measured: the images had no labels"]
      : [percent(watched), "Nearest neighbours on a sample of the training images"];
  const apart =
    scores && (scores.positive.mean - scores.random.mean) / Math.hypot(scores.positive.std, scores.random.std);
  const before = training?.begunFrom;
  const seen = (training?.imagesSeen ?? 0) + (before?.imagesSeen ?? 0);
  const seconds = (training?.seconds ?? 0) + (before?.seconds ?? 0);
  return [
    ["kNN", ...quality],
    [
      "Alike from different",
      apart === undefined ? "–" : `${apart.toFixed(1)} σ`,
      "Distance of the mean scores of two views of an image and of two images, in standard deviations",
    ],
    [
      "Training",
      training ? `${compact(seen)} images in ${formatDuration(seconds)}` : "elsewhere",
      "Images seen, each time anew, and the time of it",
    ],
  ];
}

const compact = (number: number) => new Intl.NumberFormat(undefined, { notation: "compact" }).format(number);

/** A version; one that is a date is shown in the reader's locale. */
function versionOf({ version }: Card): string {
  return /^\d{4}-\d\d-\d\dT/.test(version) ? formatTime(version) : version;
}
