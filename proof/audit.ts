// The audit: what was acknowledged against what is there.
import pMap from "p-map";
import type { Findings } from "./findings.ts";
import type { Http, Match } from "./http.ts";
import type { Ledger } from "./ledger.ts";
import type { Oracle } from "./oracle.ts";

/** Images of an audit that are searched for, beside those stored since the last one. */
const SAMPLE = 200;
const PARALLEL = 4;

/**
 * Compares the list of images with the ledger, and searches for images by their right embedding: each must be found
 * with the score of an embedding that is right. Nothing else may use the server meanwhile.
 *
 * @param whole Searches for every image.
 */
export async function audit(
  {
    http,
    ledger,
    findings,
    oracles,
    tell,
  }: {
    http: Http;
    ledger: Ledger;
    findings: Findings;
    oracles: ReadonlyMap<string, Oracle>;
    tell: (words: string) => void;
  },
  { whole = false }: { whole?: boolean } = {},
): Promise<void> {
  const listed = new Map((await http.list()).map(({ id, metadata }) => [id, metadata]));
  for (const id of ledger.stored.keys()) if (!listed.has(id)) findings.found("lostImages", `image ${id} is not listed`);
  for (const [id, note] of ledger.notes) {
    const there = listed.get(id);
    if (there && there.note !== note) findings.found("lostChanges", `image ${id} has note ${there.note}, not ${note}`);
  }
  for (const [id, { picture }] of listed) {
    if (ledger.stored.has(id) || ledger.leaving.has(id)) continue;
    if (!ledger.deleted.has(id) && ledger.uncertain.has(picture)) continue;
    findings.found("resurrectedImages", `image ${id} of picture ${picture} is listed`);
  }

  const name = await http.activeModel();
  const oracle = oracles.get(name);
  if (!oracle) return findings.found("failedOutsideKills", `model ${name} is active and should have been refused`);
  const ids = [...ledger.stored.keys()];
  const step = whole ? 1 : Math.max(1, Math.floor(ids.length / SAMPLE));
  const asked = [...new Set([...ledger.takeRecent(), ...ids.filter((_, i) => i % step === 0)])];
  let passedOver = 0;
  const audit = async (id: string) => {
    const vector = [...oracle.embedding(ledger.stored.get(id)!)];
    const isIt = (match: Match) => match.id === id;
    let match = (await http.searchJson({ vector }, 20)).matches.find(isIt);
    if (!match) {
      // Graph search finds almost all; what it passes over, exact search over the same index tells from what is lost.
      match = (await http.searchPicture(vector, ledger.stored.get(id)!)).matches.find(isIt);
      if (match) passedOver++;
    }
    if (!match) findings.found("lostImages", `image ${id} is stored but is not found`);
    else if (match.score < 1 - 1e-3) findings.found("wrongEmbeddings", `image ${id} scores ${match.score} with itself`);
  };
  await pMap(asked, audit, { concurrency: PARALLEL });
  if (passedOver > 0) tell(`graph search passed over ${passedOver} of ${asked.length} images`);
}
