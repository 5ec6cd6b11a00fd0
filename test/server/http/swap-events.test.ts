import assert from "node:assert/strict";
import { readEvents } from "../../../client/event-stream.ts";
import { hasEnded, type SwapView } from "../../../server/domain/swap.ts";
import { swapSchema } from "../../../server/http/responses.ts";
import { png } from "../../../support/pictures.ts";
import { startTestServer, type TestServer } from "../../../support/test-server.ts";

describe("GET /v1/swaps/{id}/events", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
    let post = server.http.post("/v1/images");
    for (let seed = 0; seed < 100; seed++) post = post.attach("image", await png(seed), `${seed}.png`);
    await post.expect(201);
  });
  after(() => server.close());

  const begin = async (name: string) =>
    (await server.http.post(`/v1/models/${name}/activate`).expect(202)).body.swap.id as string;
  const follow = (id: string) => fetch(`${server.url}/v1/swaps/${id}/events`);

  it("sends the swap whenever it changes, and ends with it", async () => {
    const { headers, body } = await follow(await begin("other"));
    assert.match(headers.get("Content-Type")!, /^text\/event-stream/);
    const swaps: SwapView[] = [];
    for await (const swap of readEvents<SwapView>(body!)) {
      swapSchema.parse(swap);
      swaps.push(swap);
    }
    const last = swaps.at(-1)!;
    assert.equal(last.state, "active");
    assert.ok(swaps.slice(0, -1).every((swap) => !hasEnded(swap)));
    assert.ok(swaps.some(({ progress }) => progress && progress.total === 100 && progress.imagesPerSecond > 0));
    assert.deepEqual((await server.http.get(`/v1/swaps/${last.id}`)).body, last);
    assert.equal(last.report?.comparison?.neighbours.sample, 100);
    assert.ok(last.report.comparison.scores!.after.threshold <= 1);
  });

  it("ends at once where the server stops, and goes on after the restart", async () => {
    const id = await begin("default");
    const { body } = await follow(id);
    const restarted = server.restart();
    for await (const swap of readEvents<SwapView>(body!)) assert.equal(swap.id, id);
    await restarted;
    const states: string[] = [];
    for await (const { state } of readEvents<SwapView>((await follow(id)).body!)) states.push(state);
    assert.equal(states.at(-1), "active");
  });
});
