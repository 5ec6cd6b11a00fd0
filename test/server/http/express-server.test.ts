import { strict as assert } from "node:assert";
import express from "express";
import supertest from "supertest";
import { createExpressServer } from "../../../server/http/express-server.ts";

describe("a server of an express application", () => {
  it("makes requests and responses with the prototypes that express gives them", async () => {
    const app = express();
    app.get("/", (request, response) => {
      response.json({ isOwn: request.app === app && response.app === app, type: request.get("accept") });
    });
    const seen: boolean[] = [];
    const server = createExpressServer(app, {}, (request, response) => {
      const before = [request, response].map(Object.getPrototypeOf);
      app(request, response);
      seen.push(...[request, response].map((object, i) => Object.getPrototypeOf(object) === before[i]));
    });
    const { body } = await supertest(server).get("/").set("Accept", "application/json").expect(200);
    assert.deepEqual(body, { isOwn: true, type: "application/json" });
    assert.deepEqual(seen, [true, true]);
  });

  it("keeps the options of the server and passes them on", async () => {
    const server = createExpressServer(express(), { maxHeaderSize: 100 });
    await supertest(server).get("/").set("Long", "x".repeat(200)).expect(431);
  });
});
