// The threshold: a slider under a histogram of the matches' scores.
import { Button } from "../parts/button.tsx";
import { formatScore } from "../parts/words.ts";
import { leastScore } from "./question.ts";
import { type Calibration, histogram } from "./scores.ts";

const BINS = 48;
const HEIGHT = 40;

interface ThresholdProps {
  readonly calibration: Calibration;
  readonly scores: readonly number[];
}

export function Threshold({ calibration: { low, suggested, marks, source }, scores }: ThresholdProps) {
  const chosen = leastScore.value;
  const value = chosen ?? low;
  const counts = histogram(scores, low, BINS);
  const most = Math.max(1, ...counts);
  const from = ((value - low) / (1 - low || 1)) * BINS;
  return (
    <section class="panel threshold">
      <div class="row">
        <label for="threshold">Similarity</label>
        <output for="threshold">{chosen === undefined ? "any score" : `${formatScore(value)} or more`}</output>
      </div>
      <svg viewBox={`0 0 ${BINS} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {counts.map((number, i) => {
          const height = number === 0 ? 0 : 3 + (number / most) * (HEIGHT - 3);
          const kind = i + 1 > from ? "in" : "out";
          return <rect key={i} x={i + 0.12} y={HEIGHT - height} width={0.76} height={height} class={kind} />;
        })}
      </svg>
      <input
        type="range"
        id="threshold"
        aria-describedby="threshold-about"
        step="0.005"
        min={low}
        max={1}
        value={value}
        onInput={({ currentTarget }) => {
          const score = Number(currentTarget.value);
          leastScore.value = score <= low ? undefined : score;
        }}
      />
      <ul class="marks">
        {marks.map(({ score, label }) => (
          <li key={label}>
            <b>{formatScore(score)}</b> {label}
          </li>
        ))}
      </ul>
      <div class="row">
        <Button
          kind="link"
          onClick={() => {
            leastScore.value = suggested;
          }}
        >
          {`Suggested: ${formatScore(suggested)}`}
        </Button>
        {chosen !== undefined && (
          <Button
            kind="link"
            onClick={() => {
              leastScore.value = undefined;
            }}
          >
            Show all
          </Button>
        )}
      </div>
      <p class="hint" id="threshold-about">
        {source}
      </p>
    </section>
  );
}
