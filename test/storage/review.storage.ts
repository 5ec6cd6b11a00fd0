// A swap that waits for approval, where several servers share the storage: whichever is asked, all of them follow.
import assert from "node:assert/strict";
import { type Cluster, type ClusterServer, createCluster, searchOn, uploadTo } from "../../support/cluster.ts";
import { swapEnd, swapInReview } from "../../support/swaps.ts";

const LONG = 400_000;

describe("a swap with review on two servers", function () {
  this.timeout(900_000);
  let cluster: Cluster;
  /** The one that runs swaps, and the other. */
  let leader: ClusterServer;
  let follower: ClusterServer;
  before(async () => {
    cluster = await createCluster();
    leader = await cluster.startServer(); // alone, so that it leads
    follower = await cluster.startServer();
    const { body } = await follower.http.get("/v1/servers").expect(200);
    assert.equal(body.servers.find(({ leads }: { leads: boolean }) => leads)?.url, leader.url);
    for (let seed = 0; seed < 3; seed++) await uploadTo(leader, seed);
  });
  after(() => cluster.close());

  const tell = (server: ClusterServer, id: string, word: string) => server.http.post(`/v1/swaps/${id}/${word}`);
  const begin = async (server: ClusterServer) => {
    const { body } = await server.http.post("/v1/models/other/activate?review=true").expect(202);
    for (const one of [leader, follower]) await swapInReview(one, body.swap.id, LONG);
    return body.swap.id as string;
  };

  for (const [name, asked, word] of [
    ["the server that does not run it", () => follower, "discard"],
    ["the server that runs it", () => leader, "discard"],
    ["the server that does not run it", () => follower, "cancel"],
  ] as const) {
    it(`ends on ${word} to ${name}, and cannot be approved after that`, async () => {
      const id = await begin(asked());
      await tell(asked(), id, word).expect(202);
      for (const server of [leader, follower]) {
        const { body } = await tell(server, id, "approve").expect(409);
        assert.match(body.code, /^(not_in_review|swap_finished)$/);
      }
      for (const server of [leader, follower]) {
        assert.equal((await swapEnd(server, id, LONG)).state, "cancelled");
        assert.equal((await searchOn(server, 1)).generation, 1);
      }
    });
  }

  it("waits, with uploads to both going to both models, until any server is told to approve it", async () => {
    const id = await begin(follower);
    await uploadTo(leader, 10);
    await uploadTo(follower, 11);
    assert.equal((await tell(leader, id, "approve").expect(202)).body.swap.state, "ready");
    for (const server of [leader, follower]) assert.equal((await swapEnd(server, id, LONG)).state, "active");
    for (const server of [leader, follower]) {
      for (const seed of [1, 10, 11]) {
        const { model, matches } = await searchOn(server, seed);
        assert.equal(model.name, "other");
        assert.ok(Math.abs(matches[0].score - 1) < 1e-5);
      }
    }
    assert.equal((await tell(follower, id, "approve").expect(409)).body.code, "swap_finished");
  });

  it("goes on on another server where the one that ran it stops while it waits", async () => {
    const { body } = await follower.http.post("/v1/models/default/activate?review=true").expect(202);
    await swapInReview(follower, body.swap.id, LONG);
    await leader.close();
    await tell(follower, body.swap.id, "approve").expect(202);
    assert.equal((await swapEnd(follower, body.swap.id, LONG)).state, "active");
    assert.equal((await searchOn(follower, 1)).model.name, "default");
  });
});
