export { migrate } from "./migrate.ts";
export { openPlace, parsePlaces } from "./places.ts";
