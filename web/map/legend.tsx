// What the map's colours mean, and the choice between them.
import { Thumbnail } from "../parts/thumbnail.tsx";
import { formatScore } from "../parts/words.ts";
import type { Colouring } from "./colouring.ts";

/** The option of colouring by score; no field of the metadata is called so. */
const BY_SCORE = "\0";

interface ColourChoiceProps {
  readonly colouring: Colouring;
  /** @param field Undefined for the score. */
  chosen(field: string | undefined): void;
}

export function ColourChoice({ colouring: { offered, query, groups, scheme }, chosen }: ColourChoiceProps) {
  if (offered.length === 0 && !query) return null;
  const isByScore = scheme[0] === "faint";
  return (
    <label>
      Colour by{" "}
      <select
        value={isByScore ? BY_SCORE : (groups?.field ?? "")}
        onChange={({ currentTarget: { value } }) => chosen(value === BY_SCORE ? undefined : value)}
      >
        {query && <option value={BY_SCORE}>similarity to the query</option>}
        <option value="">nothing</option>
        {offered.map(({ field }) => (
          <option key={field} value={field}>
            {field}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Legend({ colouring: { groups, scale, scores, query, colours } }: { readonly colouring: Colouring }) {
  if (scale) {
    const hasOthers = colours.includes(0);
    return (
      <ul class="legend">
        {query?.id && (
          <li>
            <Thumbnail image={{ id: query.id }} side={28} />
            the query
          </li>
        )}
        <li>
          {formatScore(scale.least)}
          <span class="ramp" role="img" aria-label="from less to more similar" />
          {formatScore(scale.most)}
        </li>
        {hasOthers && (
          <li>
            <span class="swatch faint" />
            {`not among the ${scores!.size.toLocaleString()} most similar`}
          </li>
        )}
      </ul>
    );
  }
  return (
    <ul class="legend">
      {groups?.values.map((value, i) => (
        <li key={value}>
          <span class={`swatch colour-${i}`} />
          {value}
        </li>
      ))}
      {groups?.hasOthers && (
        <li>
          <span class="swatch" />
          other
        </li>
      )}
    </ul>
  );
}
