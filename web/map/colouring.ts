// How the map's points are coloured: by a field of their metadata, or by how similar they are to what is searched for.
import { useMemo } from "preact/hooks";
import { find, isSameQuery, MOST, type Query, queryOf } from "../search/find.ts";
import { picture, question } from "../search/question.ts";
import { served } from "../state/server.ts";
import { useAnswer } from "../state/use-answer.ts";
import { GROUP_SCHEME } from "./colours.ts";
import { colourNumber, type Groups, groupingFields } from "./groups.ts";
import type { MapPoint } from "./point.ts";
import { SCORE_SCHEME, type Scale, scaleOf } from "./scale.ts";
import type { Shown } from "./scene.ts";

export interface Colouring extends Pick<Shown, "colours" | "scheme" | "marked"> {
  /** Fields to choose from. */
  readonly offered: readonly Groups[];
  /** What is searched for, where the address has it. */
  readonly query: Query | undefined;
  readonly groups: Groups | undefined;
  /** By score, once the scores are there. */
  readonly scale: Scale | undefined;
  /** Scores by id; the most similar images have one. */
  readonly scores: ReadonlyMap<string, number> | undefined;
}

/** Without a field in the address points are coloured by score where something is searched for. */
export function useColouring(points: readonly MapPoint[], parameters: URLSearchParams): Colouring {
  const query = queryOf(parameters);
  const scores = useScores(query);
  const offered = useMemo(() => groupingFields(points), [points]);
  const isByScore = query !== undefined && !parameters.has("colour");
  const field = parameters.get("colour") ?? offered[0]?.field;
  const groups = isByScore ? undefined : offered.find((one) => one.field === field);
  const scale = useMemo(
    () => (isByScore && scores ? scaleOf(points.flatMap(({ id }) => scores.get(id) ?? [])) : undefined),
    [isByScore, scores, points],
  );
  const colours = useMemo(
    () =>
      points.map((point) => {
        if (isByScore) return scale?.colourOf(point.id === query.id ? 1 : scores!.get(point.id)) ?? 0;
        return colourNumber(point, groups);
      }),
    [points, groups, scale, isByScore],
  );
  const marked = useMemo(() => points.find(({ id }) => id === query?.id), [points, query?.id]);
  return {
    ...{ offered, query, groups, scale, scores, colours, marked },
    scheme: isByScore ? SCORE_SCHEME : GROUP_SCHEME,
  };
}

function useScores(query: Query | undefined): ReadonlyMap<string, number> | undefined {
  const { answer } = useAnswer(
    async (api) => {
      if (!query) return undefined;
      const asked = question.peek();
      const whole = asked && isSameQuery(asked, query) ? asked : { ...query, more: [], less: [] };
      const { matches } = await find({ ...whole, k: MOST }, picture.peek(), api);
      return new Map(matches.map(({ id, score }) => [id, score]));
    },
    [query?.id, query?.file, query?.like?.join(" "), served.value?.generation],
  );
  return query && answer;
}
