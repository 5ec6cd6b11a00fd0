// What the map shows.
import type { CollectionMap } from "../../client/index.ts";

/** An image at its place on the map. */
export type MapPoint = CollectionMap["points"][number];
