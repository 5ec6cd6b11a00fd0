import assert from "node:assert/strict";
import { join } from "node:path";
import express from "express";
import request from "supertest";
import { createServer, type MountableServer, openApiKeys } from "../../server/index.ts";
import { png } from "../../support/pictures.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { writeTinyModel } from "../../support/tiny-model.ts";

describe("createServer", () => {
  let folder: string;
  let remove: () => Promise<void>;
  let server: MountableServer | undefined;
  const make = async (access?: "keys" | "this machine" | "anyone") => {
    const folders = { data: join(folder, "data"), models: join(folder, "models") };
    server = await createServer({ ...folders, threads: 1, logLevel: "silent", ...(access && { access }) });
    return request(express().use("/similar", server.app));
  };

  beforeEach(async () => {
    ({ folder, remove } = await temporaryFolder());
    await writeTinyModel(join(folder, "models"), "default");
  });
  afterEach(async () => {
    await server?.close();
    server = undefined;
    await remove();
  });

  it("gives an application that is mounted in another, and frees the data folder when closed", async () => {
    let http = await make();
    assert.equal(server!.model, "default");
    await http
      .post("/similar/v1/images")
      .attach("image", await png(1), "a.png")
      .expect(201);
    await server!.close();
    http = await make();
    const search = http.post("/similar/v1/search/image").attach("image", await png(1), "a.png");
    const { matches } = (await search.expect(200)).body;
    assert.ok(Math.abs(matches[0].score - 1) < 1e-5);
    await http.get("/similar/readyz").expect(200);
    // The page names its files beside itself, so that it works below any path.
    const { text } = await http.get("/similar/").expect(200);
    await http.get(`/similar${/\.(\/web\/[^"]+\.js)"/.exec(text)![1]}`).expect(200);
  });

  it("serves this machine alone, or whoever the application around it lets in", async () => {
    let http = await make();
    await http.get("/similar/v1/images").set("Host", "photos.example").expect(403);
    await server!.close();
    http = await make("anyone");
    await http.get("/similar/v1/images").set("Host", "photos.example").expect(200);
  });

  it("demands keys where it is told to", async () => {
    await assert.rejects(make("keys"), { code: "invalid_configuration" });
    const { keys, close } = await openApiKeys(join(folder, "data"), { create: true });
    const { key } = await keys.create("read", "test");
    close();
    const http = await make("keys");
    await http.get("/similar/v1/images").expect(401);
    await http.get("/similar/v1/images").set("Authorization", `Bearer ${key}`).expect(200);
  });
});
