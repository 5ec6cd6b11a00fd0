import assert from "node:assert/strict";
import { parseConfig } from "../../server/config.ts";

describe("parseConfig", () => {
  it("needs nothing", () => {
    const config = parseConfig({});
    assert.equal(config.port, 3000);
    assert.equal(config.host, "127.0.0.1");
    assert.match(config.models, /models$/);
  });

  it("takes options before environment variables and these before defaults", () => {
    const env = {
      MOCO_SEARCH_PORT: "8080",
      MOCO_SEARCH_MAX_BATCH: "16",
      MOCO_SEARCH_HOST: "",
      MOCO_SEARCH_TRAININGS: "false",
    };
    const config = parseConfig({ port: "9090", data: undefined }, env);
    assert.equal(config.port, 9090);
    assert.equal(config.maxBatch, 16);
    assert.equal(config.trainings, false);
    assert.equal(config.host, "127.0.0.1");
  });

  it("names every bad value and where it comes from", () => {
    assert.throws(
      () => parseConfig({ port: "70000", colour: "red" }, { MOCO_SEARCH_MAX_BATCH: "3", MOCO_SEARCH_THREADS: "many" }),
      (error: Error & { code?: string }) =>
        error.code === "invalid_configuration" &&
        [
          /port: expected 0 to 65535/,
          /colour/,
          /MOCO_SEARCH_MAX_BATCH: expected a power of two/,
          /MOCO_SEARCH_THREADS/,
        ].every((part) => part.test(error.message)),
    );
  });

  it("takes a file after environment variables and before defaults", () => {
    const file = { path: "a.yaml", values: { port: 1, host: "::1", maxBatch: 8, requireKeys: true, data: null } };
    const config = parseConfig({ port: 3 }, { MOCO_SEARCH_PORT: "2", MOCO_SEARCH_HOST: "127.0.0.2" }, file);
    assert.deepEqual(
      [config.port, config.host, config.maxBatch, config.requireKeys, config.data],
      [3, "127.0.0.2", 8, true, "./data"],
    );
  });

  it("takes only numbers for numbers, and only texts for texts", () => {
    assert.deepEqual(
      [parseConfig({ port: 0, allowedDrop: 0.5 }).allowedDrop, parseConfig({ port: " 80 " }).port],
      [0.5, 80],
    );
    const values = {
      port: [3000],
      threads: { count: 2 },
      maxBatch: [[8]],
      drainSeconds: [],
      data: ["a"],
      goldenKey: 3,
    };
    assert.throws(
      () => parseConfig({ rateLimit: true, readSeconds: new Date(), maxWaiting: " " }, {}, { path: "a.yaml", values }),
      ({ message }: Error) =>
        ["port", "threads", "maxBatch", "drainSeconds"].every((name) =>
          message.includes(`a.yaml: ${name}: expected a number`),
        ) &&
        ["rateLimit", "readSeconds", "maxWaiting"].every((name) => message.includes(` ${name}: expected a number`)) &&
        /a\.yaml: data: /.test(message) &&
        !/goldenKey/.test(message),
    );
  });
});
