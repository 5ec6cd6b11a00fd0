// The progress of a swap: its states in order, how far it is, and what the gate found.
import { awaitsApproval, hasEnded, type SwapView } from "../../client/index.ts";
import { Button } from "../parts/button.tsx";
import { FactList } from "../parts/fact-list.tsx";
import { percent } from "../parts/words.ts";
import { act, closeSwap } from "./swap.ts";

const STEPS: ReadonlyArray<readonly [state: string, name: string, about: string]> = [
  ["loading", "Load", "The new encoder starts in a process of its own."],
  ["warming", "Warm up", "It runs once at every batch size."],
  ["backfilling", "Embed again", "Every stored image gets the new encoder's embedding; uploads get both."],
  ["verifying", "Verify", "The gate: nothing missing, the index exact enough, the embeddings not collapsed."],
  ["ready", "Switch", "One pointer moves, model and index together."],
  ["active", "Active", "The new model answers."],
];

/** Most images that are named as left out. */
const NAMED = 10;

export function SwapPanel({ swap }: { readonly swap: SwapView }) {
  const { kind, model, state, report } = swap;
  const waits = awaitsApproval(swap);
  const { done, total } = swap.progress ?? {};
  return (
    <section class="panel swap" aria-labelledby="swap-title" data-state={state}>
      <div class="row">
        <h2 id="swap-title">{`${kind === "rollback" ? "Rolling back to" : "Activating"} ${model.name}`}</h2>
        <div class="actions">
          {waits && (
            <>
              <Button kind="primary" onClick={() => act("approveSwap")}>
                Approve
              </Button>
              <Button onClick={() => act("discardSwap")}>Discard</Button>
            </>
          )}
          {hasEnded(swap) && <Button onClick={closeSwap}>Close</Button>}
          {!waits && !hasEnded(swap) && <Button onClick={() => act("cancelSwap")}>Cancel</Button>}
        </div>
      </div>
      <Steps state={state} />
      {state === "backfilling" && total ? (
        <progress aria-label="Images embedded again" max={total} value={done} />
      ) : null}
      <p role="status">{textOf(swap)}</p>
      {report?.warnings && report.warnings.length > 0 && (
        <ul class="warnings">
          {report.warnings.map((warning) => (
            <li key={warning}>{warning}</li>
          ))}
        </ul>
      )}
      {report && <Report report={report} />}
    </section>
  );
}

function Steps({ state }: { readonly state: string }) {
  const at = STEPS.findIndex(([name]) => name === state);
  const isOver = state === "active" || state === "retired";
  return (
    <ol class="steps">
      {STEPS.map(([name, label], i) => (
        <li
          key={name}
          class={isOver || i < at ? "done" : i === at ? "now" : "later"}
          aria-current={name === state ? "step" : undefined}
        >
          {label}
        </li>
      ))}
    </ol>
  );
}

function textOf(swap: SwapView): string {
  const { state, error, progress } = swap;
  if (state === "failed") return `Not activated; the model before still answers. ${error?.detail ?? ""}`;
  if (state === "cancelled") return "Cancelled; the model before still answers.";
  if (awaitsApproval(swap)) {
    return "Ready, and waits for you. The model before answers until then; uploads go to both.";
  }
  if (state === "backfilling" && progress?.total) {
    const { done, total, imagesPerSecond, secondsLeft } = progress;
    const left = secondsLeft === undefined ? "" : `, ${timeLeft(secondsLeft)} left`;
    return `${done.toLocaleString()} of ${total.toLocaleString()} images embedded again, ${Math.round(imagesPerSecond).toLocaleString()} a second${left}. Searches go on meanwhile.`;
  }
  return STEPS.find(([name]) => name === (state === "retired" ? "active" : state))?.[2] ?? "";
}

const timeLeft = (seconds: number) => (seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`);

type Found = NonNullable<SwapView["report"]>;

function Report({ report }: { readonly report: Found }) {
  const facts: Array<[string, string]> = [
    ["Images in the new index", report.contents.toLocaleString()],
    ["Recall@10 of the index", percent(report.recallAt10)],
    ["Spread of the embeddings", report.spread.toFixed(3)],
    ...skippedFacts(report.skipped),
    ...comparisonFacts(report.comparison),
  ];
  return <FactList class="report" facts={facts} />;
}

/** The images that a swap went on without. */
function skippedFacts(skipped: Found["skipped"]): Array<[string, string]> {
  if (!skipped) return [];
  const { contents, images } = skipped;
  const names = [...images.slice(0, NAMED), ...(images.length > NAMED ? ["…"] : [])].join(", ");
  return [["Left out: missing, damaged or not decodable", `${contents.toLocaleString()} (${names})`]];
}

/** The gate's comparison of the two models. */
function comparisonFacts(comparison: Found["comparison"]): Array<[string, string]> {
  if (!comparison) return [];
  const { neighbours, scores, retrieval, views } = comparison;
  const share = (part: number) => percent(part, 0);
  const beside = (value: (side: "before" | "after") => number) =>
    `${value("before").toFixed(3)} → ${value("after").toFixed(3)}`;
  const facts: Array<[string, string] | undefined> = [
    ["Neighbours kept", share(neighbours.overlapAt10)],
    scores && ["Score of the nearest, median", beside((side) => scores[side].nearest.p50)],
    scores && ["Score of any two, median", beside((side) => scores[side].random.p50)],
    scores && ["Alike from", beside((side) => scores[side].threshold)],
    retrieval && [`Mean average precision by ${retrieval.key}`, beside((side) => retrieval[side])],
    views && [
      "Other crop of an image found first",
      `${share(views.before)} → ${share(views.after)}; by pixels ${share(views.pixels)}`,
    ],
  ];
  return facts.filter((fact) => fact !== undefined);
}
