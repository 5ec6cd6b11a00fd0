// The search: the query on one side, its matches on the other.
import { Map as MapIcon } from "lucide";
import { useMemo } from "preact/hooks";
import { Button } from "../parts/button.tsx";
import { Density, density } from "../parts/density.tsx";
import { Filters } from "../parts/filters.tsx";
import { Grid } from "../parts/grid.tsx";
import { Icon } from "../parts/icon.tsx";
import { Failure, Notice } from "../parts/notice.tsx";
import { Thumbnail } from "../parts/thumbnail.tsx";
import { address, route } from "../state/route.ts";
import { models } from "../state/server.ts";
import { ExampleButtons, Examples } from "./examples.tsx";
import { parametersOf } from "./find.ts";
import { QueryCanvas } from "./query-canvas.tsx";
import { answer, ask, askForMore, isSearching, leastScore, problem, question, repeat } from "./question.ts";
import { calibrate } from "./scores.ts";
import { pickQuery, StartScreen } from "./start-screen.tsx";
import { Threshold } from "./threshold.tsx";

export function SearchView() {
  if (!question.value) return <StartScreen />;
  return (
    <div class="search">
      <Query />
      <Results />
    </div>
  );
}

function Query() {
  const asked = question.value!;
  const found = answer.value;
  const { active } = models.value ?? {};
  const scores = useMemo(() => found?.matches.map(({ score }) => score) ?? [], [found]);
  const isPart = asked.region !== undefined || asked.mask !== undefined;
  return (
    <aside aria-label="Query">
      <section class="panel query">
        <div class="query-picture">
          {asked.like ? (
            <ul class="several">
              {asked.like.slice(0, 12).map((id) => (
                <li key={id}>
                  <Thumbnail image={{ id }} side={96} />
                </li>
              ))}
            </ul>
          ) : (
            <QueryCanvas focus={route.value.parameters.has("part")} />
          )}
        </div>
        <p class="hint">
          {asked.like
            ? `What these ${asked.like.length} images have in common.`
            : "Click a thing or drag a box to search with it alone."}
        </p>
        <div class="actions">
          <Button kind="primary" onClick={() => void pickQuery()}>
            New image
          </Button>
          {isPart && (
            <Button onClick={() => ask({ region: undefined, mask: undefined })}>Search the whole image</Button>
          )}
          <a class="button" href={address("search")}>
            Close
          </a>
        </div>
      </section>
      <Examples />
      <details open={matchMedia("(min-width: 901px)").matches}>
        <summary>Threshold and filter</summary>
        {found && scores.length > 0 && (
          <Threshold
            // What was measured is of whole images. A part scores lower with those that show it.
            calibration={
              isPart ? calibrate(undefined, scores) : calibrate(active?.card.scores, scores, active?.threshold)
            }
            scores={scores}
          />
        )}
        <Filters filter={asked.filter} changed={(filter) => ask({ filter })} />
      </details>
    </aside>
  );
}

function Results() {
  const found = answer.value;
  const least = leastScore.value;
  const shown = useMemo(
    () => found?.matches.filter(({ score }) => least === undefined || score >= least - 1e-6) ?? [],
    [found, least],
  );
  const showAll = () => {
    leastScore.value = undefined;
    if (question.value!.filter) ask({ filter: undefined });
  };
  return (
    <section class="results" aria-labelledby="results-title" aria-busy={isSearching.value || undefined}>
      <div class="row">
        <h1 id="results-title">Similar images</h1>
        <div class="actions">
          <a class="button" href={address("map", parametersOf(question.value!))}>
            <Icon of={MapIcon} /> On the map
          </a>
          <Density />
        </div>
      </div>
      <p class="summary" role="status">
        {found && found.matches.length > 0 && summaryOf(found, shown.length)}
      </p>
      {problem.value && (
        <Failure problem={problem.value} again={repeat}>
          <Button onClick={() => void pickQuery()}>Choose another image</Button>
        </Failure>
      )}
      {found && shown.length === 0 && <NothingFound isEmpty={found.matches.length === 0} showAll={showAll} />}
      <Grid label="Matches" images={shown} side={density.value} actions={(image) => <ExampleButtons image={image} />} />
      {found && !found.isComplete && (
        <div class="more">
          <Button onClick={askForMore}>Show more</Button>
        </div>
      )}
    </section>
  );
}

function NothingFound({ isEmpty, showAll }: { readonly isEmpty: boolean; showAll(): void }) {
  if (isEmpty && !question.value!.filter) {
    return (
      <Notice title="Nothing to compare with yet" text="The collection has no other image.">
        <a class="button primary" href={address("collection")}>
          Add images
        </a>
      </Notice>
    );
  }
  return (
    <Notice title="No match passes" text="The threshold or the filter leaves all of them out.">
      <Button onClick={showAll}>Show all</Button>
    </Notice>
  );
}

function summaryOf({ matches, milliseconds, generation, model }: NonNullable<typeof answer.value>, shown: number) {
  const of = shown < matches.length ? ` of ${matches.length.toLocaleString()}` : "";
  const time = Math.max(1, Math.round(milliseconds));
  return `${shown.toLocaleString()}${of} ${matches.length === 1 ? "match" : "matches"} in ${time} ms · model ${model.name}, generation ${generation}`;
}
