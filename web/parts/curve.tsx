// The curves of a training: loss, own keys found and kNN accuracy, each on its own scale.
import { percent } from "./words.ts";

const [WIDTH, HEIGHT] = [240, 48];

interface CurvesProps {
  readonly curve: ReadonlyArray<{
    readonly loss: number;
    readonly ownKeyFound?: number;
    readonly knn?: number | undefined;
  }>;
}

export function TrainingCurves({ curve }: CurvesProps) {
  return (
    <div class="curves">
      <Curve name="Loss" values={curve.map(({ loss }) => loss)} format={(value) => value.toFixed(2)} />
      <Curve name="Own key found" values={curve.flatMap(({ ownKeyFound }) => ownKeyFound ?? [])} format={percent} />
      <Curve name="kNN accuracy" values={curve.flatMap(({ knn }) => knn ?? [])} format={percent} />
    </div>
  );
}

interface CurveProps {
  readonly name: string;
  readonly values: readonly number[];
  format(value: number): string;
}

function Curve({ name, values, format }: CurveProps) {
  if (values.length < 2) return null;
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const x = (i: number) => (i / (values.length - 1)) * WIDTH;
  const y = (value: number) => HEIGHT - 2 - ((value - least) / (most - least || 1)) * (HEIGHT - 4);
  const text = `${name} ${format(values[0]!)} → ${format(values.at(-1)!)}, measured ${values.length} times`;
  return (
    <figure class="curve">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={text}>
        <polyline points={values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(" ")} />
      </svg>
      <figcaption>{text}</figcaption>
    </figure>
  );
}
