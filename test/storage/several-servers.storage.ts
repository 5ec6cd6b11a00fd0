// What must hold where several servers commit to one database. Each server has connections of its own.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { createMember } from "../../server/cluster/member.ts";
import type { NewImage } from "../../server/domain/image.ts";
import { createGenerations } from "../../server/generation/generations.ts";
import type { Catalogue, Change, Storage } from "../../server/storage/ports.ts";
import { createPostgresCatalogue } from "../../server/storage/postgres/catalogue.ts";
import { type Database, openDatabase } from "../../server/storage/postgres/database.ts";
import { createServers } from "../../server/storage/postgres/servers.ts";
import { createPgvectorSearch } from "../../server/storage/postgres/vector-search.ts";
import { createDatabase } from "../../support/postgres.ts";
import { cardOf } from "../../support/tiny-model.ts";
import { collect } from "../server/storage/contract/storages.ts";

const imageOf = (n: number): NewImage => ({
  sha256: n.toString(16).padStart(64, "0"),
  type: "png",
  width: 1,
  height: 1,
  bytes: 1,
  metadata: {},
});
const vector = Float32Array.of(0.6, 0.8);
const card = (seed: number) => ({ ...cardOf({ seed }), dimensions: 2 });
const range = (length: number) => Array.from({ length }, (_, n) => n);

describe("several servers on one database", () => {
  let url: string;
  let databases: Database[];
  let servers: [Catalogue, Catalogue, Catalogue];
  let remove: () => Promise<void>;
  let encoder: number;
  beforeEach(async () => {
    const made = await createDatabase();
    ({ url, remove } = made);
    databases = await Promise.all(range(3).map(() => openDatabase(url))); // all at once, as after an outage
    servers = databases.map((database) => createPostgresCatalogue(database)) as typeof servers;
    const firsts = await Promise.all(servers.map(({ generations }) => generations.addFirst(card(1))));
    assert.equal(new Set(firsts.map(({ number }) => number)).size, 1);
    encoder = firsts[0]!.encoder;
  });
  afterEach(async () => {
    await Promise.all(databases.map((database) => database.close()));
    await remove();
  });

  const add = async (n: number, encoders = [encoder]) => {
    const catalogue = servers[n % servers.length]!;
    const added = await catalogue.images.add(imageOf(n), new Map(encoders.map((one) => [one, vector])));
    assert.ok("image" in added);
    return added;
  };
  const candidateOf = async (seed: number) => {
    const swap = await servers[0].swaps.begin(card(seed), { force: true });
    return { ...swap, encoder: (await servers[0].generations.get(swap.generation))!.encoder };
  };

  it("number their commits without gaps, and tell each server all of them in order", async () => {
    const told = await Promise.all(
      servers.map(async ({ follow }) => {
        const changes: Change[] = [];
        const { sequence } = await follow((change) => void changes.push(change));
        return { changes, sequence };
      }),
    );
    const added = await Promise.all(range(60).map((n) => add(n)));
    const last = Math.max(...added.map(({ sequence }) => sequence));
    assert.deepEqual(
      added.map(({ sequence }) => sequence).sort((a, b) => a - b),
      range(60).map((n) => n + 1 + told[0]!.sequence),
    );
    for (const { changes, sequence } of told) {
      for (let look = 0; look < 100 && changes.at(-1)?.sequence !== last; look++) await sleep(50);
      assert.deepEqual(
        changes.map((change) => change.sequence),
        range(60).map((n) => n + 1 + sequence),
      );
      assert.equal(new Set(changes.flatMap((change) => change.added.map(({ content }) => content))).size, 60);
    }
  });

  it("share one content of the same bytes, however they add and remove it", async () => {
    for (let round = 0; round < 5; round++) {
      const same = await Promise.all(
        servers.flatMap((catalogue) =>
          range(3).map(() => catalogue.images.add(imageOf(1), new Map([[encoder, vector]]))),
        ),
      );
      const ids = same.map((added) => ("image" in added ? added.image.id : assert.fail("refused")));
      assert.equal(await servers[0].contents.count(), 1);
      // The last removal takes the content, while another server adds an image of it.
      const [again] = await Promise.all([
        servers[1].images.add(imageOf(1), new Map([[encoder, vector]])),
        ...ids.map((id, i) => servers[i % 3]!.images.remove(id)),
      ]);
      assert.ok("image" in again);
      const content = (await servers[2].contents.ofImage(again.image.id))!;
      assert.deepEqual(await servers[2].embeddings.get(encoder, content.number), vector);
      await servers[0].images.remove(again.image.id);
      const { contents, embedded } = await servers[0].embeddings.tally(encoder);
      assert.deepEqual([contents, embedded, await servers[0].images.count()], [0, 0, 0]);
    }
  });

  it("never switch past an upload: it is among what the switch counts, or is refused", async () => {
    for (let round = 0; round < 8; round++) {
      const candidate = await candidateOf(2 + round);
      const stored = await collect(servers[0].embeddings.lacking(candidate.encoder, 100));
      await servers[0].embeddings.add(
        candidate.encoder,
        stored.map(({ number }) => ({ content: number, vector })),
      );
      const uploads = range(6).map((n) =>
        servers[n % 3]!.images.add(imageOf(1000 * round + n), new Map([[encoder, vector]])),
      );
      const switched = await servers[round % 3]!.swaps.switchTo(candidate.id);
      const accepted = (await Promise.all(uploads)).filter((added) => "image" in added);
      const { contents, embedded } = await servers[0].embeddings.tally(candidate.encoder);
      if (switched) {
        assert.equal(embedded, contents, "every stored image has the embedding of the generation that answers");
        encoder = candidate.encoder;
      } else {
        assert.ok(accepted.length > 0);
        await servers[0].swaps.end(candidate.id, "failed");
      }
    }
  });

  it("begin one swap at a time, and one of them switches it", async () => {
    const begun = await Promise.allSettled(servers.map(({ swaps }) => swaps.begin(card(2), { force: false })));
    const [swap, ...others] = begun.filter((one) => one.status === "fulfilled");
    assert.equal(others.length, 0);
    for (const one of begun) if (one.status === "rejected") assert.equal(one.reason.code, "swap_in_progress");
    const ends = await Promise.allSettled(servers.map(({ swaps }) => swaps.switchTo(swap!.value.id)));
    assert.equal(ends.filter((one) => one.status === "fulfilled" && one.value).length, 1);
  });

  it("never switch a swap, nor approve it, that any server was asked to cancel", async () => {
    const others = createServers(databases[1]!, {});
    const { id } = await servers[0].swaps.begin(card(2), { force: true, review: true });
    await servers[0].swaps.enter(id, "ready");
    await others.cancel(id);
    await assert.rejects(servers[2].swaps.approve(id), { code: "not_in_review", message: /being cancelled/ });
    await assert.rejects(servers[0].swaps.switchTo(id), { code: "swap_finished" });
    await servers[0].swaps.end(id, "failed", { code: "internal", detail: "its switch was refused" });
    const { state, error } = (await servers[2].swaps.get(id))!;
    assert.deepEqual([state, error], ["cancelled", undefined]);
    await assert.rejects(others.cancel(id), { code: "swap_finished" });
    others.close();
  });

  it("look together which generation answers, however many requests wait for another one", async () => {
    const own = createServers(databases[1]!, {});
    let beats = 0;
    const member = createMember({
      storage: { catalogue: servers[1] } as Storage,
      servers: {
        ...own,
        beat(self) {
          beats++;
          return own.beat(self);
        },
      },
      generations: createGenerations(),
      open: () => assert.fail("nothing is to be opened"),
      url: () => "http://127.0.0.1:1",
      logger: pino({ level: "silent" }),
    });
    const idle = { runningHere: undefined, async resume() {}, async cancel() {}, halt() {} };
    await member.start(idle);
    await Promise.all(range(100).map(() => member.catchUp(encoder)));
    assert.ok(beats < 10, `${beats} beats`);
    await member.close();
    own.close();
  });

  it("tell a server of the switch and of the end of its swap together", async () => {
    const own = createServers(databases[1]!, {});
    const self = { id: "one", url: "http://127.0.0.1:1", ready: true, generations: range(100) };
    for (let round = 0; round < 5; round++) {
      const swap = await servers[0].swaps.begin(card(2 + round), { force: true });
      const before = swap.replaces;
      let switching = true;
      const switched = servers[0].swaps.switchTo(swap.id).finally(() => {
        switching = false;
      });
      while (switching) {
        const course = await own.beat(self);
        // A server that hears that the swap has ended and not that it has switched closes the model that is to answer.
        assert.equal(course.active, course.swap ? before : swap.generation);
      }
      assert.equal(await switched, true);
    }
    own.close();
  });

  it("share a backfill: each content is lent to one of them", async () => {
    await Promise.all(range(90).map((n) => add(n)));
    const candidate = await candidateOf(2);
    const taken = await Promise.all(
      servers.map(async ({ embeddings }) => {
        const own: number[] = [];
        for await (const batch of embeddings.lacking(candidate.encoder, 5)) {
          own.push(...batch.map(({ number }) => number));
          await sleep(20);
          await embeddings.add(
            candidate.encoder,
            batch.map(({ number }) => ({ content: number, vector })),
          );
        }
        return own;
      }),
    );
    assert.equal(taken.flat().length, 90);
    assert.equal(new Set(taken.flat()).size, 90);
    for (const own of taken) assert.ok(own.length > 0);
  });

  it("keep what they have borrowed while they live; what one has that died is lent again", async () => {
    await Promise.all(range(10).map((n) => add(n)));
    const candidate = await candidateOf(2);
    const mortal = await openDatabase(url);
    const killed = createPostgresCatalogue(mortal).embeddings.lacking(candidate.encoder, 5)[Symbol.asyncIterator]();
    const borrowed = (await killed.next()).value as ReadonlyArray<{ number: number }>;
    let taken = false;
    const others = collect(servers[1].embeddings.lacking(candidate.encoder, 5)).finally(() => {
      taken = true;
    });
    await sleep(12_000); // a loan lasts 10 s
    assert.equal(taken, false);
    await mortal.close(); // it renews nothing any more
    const numbers = (await others).map(({ number }) => number);
    for (const { number } of borrowed) assert.ok(numbers.includes(number));
    await killed.return?.(undefined).catch(() => {});
  });

  it("refuse a search of a generation that another server has replaced", async () => {
    await add(1);
    const active = (await servers[1].generations.inState("active"))!;
    const index = createPgvectorSearch(databases[1]!).open(active);
    await index.fill();
    const wanted = { limit: 1, minScore: -1, leftOut: new Set<string>() };
    assert.equal((await index.search(vector, wanted)).length, 1);
    const candidate = await candidateOf(2);
    await servers[0].embeddings.add(candidate.encoder, [{ content: 1, vector }]);
    assert.equal(await servers[0].swaps.switchTo(candidate.id), true);
    await assert.rejects(index.search(vector, wanted), { code: "generation_replaced" });
  });

  it("build a generation's graph once, while images come, and after a build that did not end", async () => {
    const candidate = await candidateOf(2);
    const [one, two] = databases.map((database) =>
      createPgvectorSearch(database).open({ number: candidate.generation, encoder: candidate.encoder, card: card(2) }),
    );
    const uploads = Promise.all(range(30).map((n) => add(n, [encoder, candidate.encoder])));
    await Promise.all([one!.optimise(), two!.optimise(), uploads]);
    const graph = `embeddings_${candidate.encoder}_graph16`;
    const isValid = async () =>
      (await databases[0]!.query("SELECT FROM pg_index WHERE indexrelid = to_regclass($1) AND indisvalid", [graph]))
        .length === 1;
    assert.ok(await isValid());
    await databases[0]!.query("UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass($1)", [graph]);
    await two!.optimise();
    assert.ok(await isValid());
  });

  it("drop the embeddings of an encoder that nothing uses any more, while images come", async () => {
    await Promise.all(range(20).map((n) => add(n)));
    const candidate = await candidateOf(2);
    await Promise.all(range(20).map((n) => add(100 + n, [encoder, candidate.encoder])));
    await servers[0].swaps.end(candidate.id, "failed");
    // One server still has the candidate open and gives its embedding.
    const uploads = Promise.all(range(20).map((n) => add(200 + n, [encoder, candidate.encoder])));
    const forgotten = await Promise.all(servers.map(({ embeddings }) => embeddings.forgetUnused(100)));
    await uploads;
    assert.equal(
      forgotten.reduce((sum, one) => sum + one, 0),
      20,
    );
    assert.equal((await servers[0].embeddings.tally(encoder)).embedded, 60);
    const again = await candidateOf(2); // the same encoder again: from nothing
    assert.equal(again.encoder, candidate.encoder);
    assert.equal((await servers[0].embeddings.tally(again.encoder)).embedded, 0);
  });
});
