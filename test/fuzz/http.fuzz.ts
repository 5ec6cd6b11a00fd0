// Random requests to every address of the OpenAPI document: none may answer 500, or a status that is not documented.
//
//   npm run test:fuzz                     5,000 requests
//   MOCO_FUZZ_REQUESTS=500 npm run test:fuzz
import assert from "node:assert/strict";
import fc from "fast-check";
import { openApiDocument } from "../../server/http/openapi.ts";
import { png } from "../../support/pictures.ts";
import { startTestServer, type TestServer } from "../../support/test-server.ts";

const REQUESTS = Number(process.env.MOCO_FUZZ_REQUESTS ?? 5000);

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly statuses: ReadonlySet<number>;
  readonly query: readonly string[];
  readonly fields: readonly string[];
  readonly takesForm: boolean;
  readonly takesJson: boolean;
}

interface Documented {
  responses: object;
  parameters?: Array<{ in: string; name: string }>;
  requestBody?: { content: Record<string, { schema: { properties?: object } }> };
}

const document = JSON.parse(JSON.stringify(openApiDocument())) as { paths: Record<string, Record<string, Documented>> };
const operations: Operation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { responses, parameters = [], requestBody }]) => {
    const content = requestBody?.content ?? {};
    const fields = Object.values(content).flatMap(({ schema }) => Object.keys(schema.properties ?? {}));
    return {
      method: method.toUpperCase(),
      path,
      statuses: new Set(Object.keys(responses).map(Number)),
      query: parameters.filter((parameter) => parameter.in === "query").map(({ name }) => name),
      fields: [...new Set(fields)],
      takesForm: "multipart/form-data" in content,
      takesJson: "application/json" in content,
    };
  }),
);

const scalar = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
);
const condition = fc.record(
  {
    field: fc.constantFrom("seed", "a.b", "__proto__", "constructor"),
    eq: scalar,
    in: fc.array(scalar, { maxLength: 3 }),
    gt: scalar,
    exists: fc.boolean(),
  },
  { requiredKeys: ["field"] },
);
const filter = fc.oneof(
  condition,
  fc.record({ and: fc.array(condition, { maxLength: 3 }) }),
  fc.record({ not: fc.record({ or: fc.array(condition, { maxLength: 3 }) }) }),
);
const vector = fc.oneof(
  fc.array(fc.double({ noNaN: true, min: -1, max: 1 }), { minLength: 16, maxLength: 16 }),
  fc.array(fc.double(), { maxLength: 20 }),
);

/** Values that are often right for a field, and often not. */
const valueFor = (field: string, ids: readonly string[]): fc.Arbitrary<unknown> => {
  const id = fc.oneof(fc.constantFrom(...ids), fc.string());
  const fitting: Record<string, fc.Arbitrary<unknown>> = {
    id,
    vector,
    positive: fc.array(id, { maxLength: 3 }),
    negative: fc.array(id, { maxLength: 3 }),
    k: fc.integer({ min: -1, max: 1100 }),
    limit: fc.integer({ min: -1, max: 1100 }),
    size: fc.integer({ min: 0, max: 3000 }),
    minScore: fc.double({ min: -2, max: 2 }),
    threshold: fc.double({ min: -1, max: 2 }),
    filter,
    metadata: fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 }),
    region: fc.tuple(fc.nat(80), fc.nat(80), fc.nat(80), fc.nat(80)).map(String),
    cursor: fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)).toString("base64url")),
  };
  return fc.oneof({ weight: 4, arbitrary: fitting[field] ?? fc.string() }, { weight: 1, arbitrary: fc.jsonValue() });
};

const asText = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value)) ?? "";

describe(`${REQUESTS} random requests`, () => {
  let server: TestServer;
  let ids: string[];
  let file: Buffer;
  before(async () => {
    server = await startTestServer();
    file = await png(1);
    ids = [];
    for (let seed = 0; seed < 8; seed++) {
      const post = server.http.post("/v1/images").attach("image", await png(seed), "a");
      ids.push((await post.field("metadata", JSON.stringify({ seed, a: { b: seed } }))).body.images[0].id);
    }
  });
  after(() => server.close());

  const requestOf = (operation: Operation) =>
    fc.record({
      operation: fc.constant(operation),
      name: fc.oneof(
        fc.constantFrom(...ids, "default", "other", "..%2f..", "%00", "%ff"),
        fc.string().map(encodeURIComponent),
      ),
      query: fc.record(Object.fromEntries([...operation.query, "extra"].map((name) => [name, valueFor(name, ids)])), {
        requiredKeys: [],
      }),
      body: fc.oneof(
        {
          weight: 6,
          arbitrary: fc.record(Object.fromEntries(operation.fields.map((name) => [name, valueFor(name, ids)])), {
            requiredKeys: [],
          }),
        },
        { weight: 1, arbitrary: fc.jsonValue() },
      ),
      form: fc.boolean(),
      images: fc.array(fc.oneof(fc.constant("image"), fc.uint8Array({ maxLength: 100 })), { maxLength: 3 }),
      raw: fc.option(fc.string({ unit: "binary" }), { freq: 12 }),
      key: fc.option(fc.string({ maxLength: 10 }).map(encodeURIComponent), { freq: 3 }),
    });

  it("answer what is documented, and never 500", async function () {
    this.timeout(REQUESTS * 500);
    const seen = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...operations).chain(requestOf),
        async ({ operation, name, query, body, form, images, raw, key }) => {
          const search = new URLSearchParams(
            Object.entries(query).map(([field, value]): [string, string] => [field, asText(value)]),
          );
          const segment = /^(\.|%2e){0,2}$/i.test(name) ? "x" : name;
          const address = `${server.url}${operation.path.replace(/\{\w+\}/, segment)}?${search}`;
          const headers: Record<string, string> = key === null ? {} : { "Idempotency-Key": key };
          let payload: string | FormData | undefined;
          if (operation.takesForm && (form || !operation.takesJson)) {
            payload = new FormData();
            for (const one of images)
              payload.append("image", new Blob([one === "image" ? file : Buffer.from(one as Uint8Array)]), "a");
            const fields = typeof body === "object" && body !== null ? Object.entries(body) : [];
            for (const [field, value] of fields) if (field !== "image") payload.append(field, asText(value));
          } else if (operation.takesJson) {
            payload = JSON.stringify(body);
            headers["Content-Type"] = "application/json";
          }
          if (raw !== null && payload !== undefined) payload = raw;
          const response = await fetch(address, {
            method: operation.method,
            headers,
            ...(payload !== undefined && { body: payload }),
          });
          const text = await response.text();
          seen.set(response.status, (seen.get(response.status) ?? 0) + 1);
          assert.notEqual(response.status, 500, text);
          // An address with an odd name may be none of ours; a name that cannot be decoded is 400.
          const documented = operation.statuses.has(response.status) || [400, 404].includes(response.status);
          assert.ok(documented, `${operation.method} ${operation.path} answered ${response.status}: ${text}`);
        },
      ),
      { numRuns: REQUESTS, ...(process.env.MOCO_FUZZ_SEED && { seed: Number(process.env.MOCO_FUZZ_SEED) }) },
    );
    console.log(
      `      statuses: ${[...seen]
        .sort(([a], [b]) => a - b)
        .map(([status, n]) => `${status} × ${n}`)
        .join(", ")}`,
    );
    await server.http.get("/readyz").expect(200);
  });
});
