// Random requests made of the OpenAPI document that the server itself answers. None may fail inside the server, and
// every answer must be one that the document describes: its status, its content type and its body.
//
//   npm run test:fuzz                     20,000 requests
//   MOCO_FUZZ_REQUESTS=500 npm run test:fuzz
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import fc from "fast-check";
import { awaitsApproval, hasEnded } from "../../server/domain/swap.ts";
import { png } from "../../support/pictures.ts";
import { arbitraryOf, type JsonSchema, type Making } from "../../support/schema-arbitrary.ts";
import { startTestServer, type TestServer } from "../../support/test-server.ts";
import { writeTinyModel } from "../../support/tiny-model.ts";

const REQUESTS = Number(process.env.MOCO_FUZZ_REQUESTS ?? 20_000);
/** Stored at first, and known to the requests. */
const IMAGES = 8;
/** From so many requests on, each operation must have succeeded at least once: one search by JSON in 60 is valid. */
const ENOUGH = 20_000;
/** Operations on trainings, which this server does not start: all are refused. */
const OFF = /^(\w+ \/v1\/trainings\/.*|POST \/v1\/trainings)$/;

interface Operation {
  readonly parameters?: ReadonlyArray<{
    in: "path" | "query" | "header";
    name: string;
    required?: boolean;
    schema: JsonSchema;
  }>;
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { schema: JsonSchema }>> }>>;
}

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

/** A request as it is sent. */
interface RandomRequest {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
  readonly address: string;
  readonly headers: Record<string, string>;
  readonly body: string | FormData | undefined;
}

const asText = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value)) ?? "";
const entries = (value: unknown): Array<[string, unknown]> =>
  typeof value === "object" && value !== null ? Object.entries(value) : [];

describe(`${REQUESTS} random requests`, () => {
  let server: TestServer;
  let document: OpenApi;
  let making: Making;
  let dictionary: string[];
  const validators = new Map<JsonSchema, ValidateFunction>();
  const ajv = new Ajv2020({ strict: false, allErrors: false });
  addFormats.default(ajv);

  before(async function () {
    this.timeout(300_000);
    server = await startTestServer();
    await writeTinyModel(server.modelsFolder, "other", {
      seed: 2,
      dimensions: 24,
      size: 24,
      cells: true,
      replace: true,
    });
    document = (await server.http.get("/openapi.json").expect(200)).body;
    ajv.addSchema(document, "openapi");
    const file = await png(1);
    const ids: string[] = [];
    while (ids.length < IMAGES) ids.push(await upload());
    const page = await server.http.get("/v1/images?limit=2").expect(200);
    const found = await server.http.post("/v1/search").send({ id: ids[0], k: 2 }).expect(200);
    const { swap } = (await server.http.post("/v1/models/other/activate?force=true").expect(202)).body;
    dictionary = [
      ...[swap.id, ...ids, "default", "other", page.body.nextCursor, found.body.nextCursor],
      ...["{}", '{"seed":1}', '{"field":"seed","gte":3}', '{"not":{"field":"a.b","exists":true}}'],
      ...[
        JSON.stringify(ids.slice(0, 2)),
        "true",
        "false",
        '{"x":0.4,"y":0.6}',
        '[{"x":0.1,"y":0.9}]',
        "__proto__",
        "constructor",
        "seed",
        "a.b",
      ],
    ];
    making = {
      resolve: (ref) => document.components.schemas[ref.slice(ref.lastIndexOf("/") + 1)]!,
      dictionary,
      files: [file, await png(2), await png(3)],
    };
  });
  after(() => server.close());

  let uploads = 0;
  const upload = async (): Promise<string> => {
    const seed = uploads++;
    const post = server.http.post("/v1/images").attach("image", await png(seed), "a");
    return (await post.field("metadata", JSON.stringify({ seed, a: { b: seed } })).expect(201)).body.images[0].id;
  };

  let swaps = 0;
  /** Waits until a swap has ended or waits for approval. */
  const untilSettled = async (id: string): Promise<void> => {
    for (;;) {
      const { body: swap } = await server.http.get(`/v1/swaps/${id}`).expect(200);
      if (hasEnded(swap) || awaitsApproval(swap)) return;
      await sleep(50);
    }
  };

  /**
   * Keeps the dictionary true: another image for one that was deleted, the newest swap. Requests come so fast that a
   * cancel would end every swap, so each second one has the time that it takes.
   */
  const follow = async ({ method, path, address, body }: RandomRequest, response: Response): Promise<void> => {
    if (!response.ok) return;
    const deleted = method === "DELETE" ? address : path === "/v1/images/delete" ? `${body}` : "";
    for (let i = 1; i <= IMAGES; i++) if (deleted.includes(dictionary[i]!)) dictionary[i] = await upload();
    const swap = /\/v1\/swaps\/(.+)/.exec(response.headers.get("location") ?? "")?.[1];
    if (!swap) return;
    dictionary[0] = swap;
    if (swaps++ % 2 === 0) await untilSettled(swap);
  };

  /** The parts of a multipart body: files where the schema says binary, text otherwise. */
  const formOf = (value: unknown): FormData => {
    const form = new FormData();
    for (const [name, field] of entries(value)) {
      for (const part of Array.isArray(field) ? field.slice(0, 5) : [field]) {
        if (part instanceof Uint8Array) form.append(name, new Blob([part as Uint8Array<ArrayBuffer>]), "a");
        else form.append(name, asText(part));
      }
    }
    return form;
  };

  /** What mostly stands in an address: the newest swap, a model, an image. They may change until it is sent. */
  const namedIn = (path: string): (() => readonly string[]) | undefined => {
    if (path.startsWith("/v1/swaps/")) return () => dictionary.slice(0, 1);
    if (path.startsWith("/v1/images/")) return () => dictionary.slice(1, 1 + IMAGES);
    if (path.startsWith("/v1/models/")) return () => ["default", "other"];
    return undefined;
  };
  const segmentsOf = (path: string, schema: JsonSchema): fc.Arbitrary<unknown> => {
    const named = namedIn(path);
    if (!named) return arbitraryOf(schema, making);
    return fc.oneof(
      { weight: 2, arbitrary: fc.nat().map((n) => named()[n % named().length]) },
      { weight: 1, arbitrary: arbitraryOf(schema, making) },
    );
  };

  const requestOf = (path: string, method: string, operation: Operation): fc.Arbitrary<RandomRequest> => {
    const parameters = operation.parameters ?? [];
    const of = (place: string) =>
      fc.record(
        Object.fromEntries(
          parameters
            .filter((one) => one.in === place)
            .map(({ name, schema }) => [
              name,
              place === "path" ? segmentsOf(path, schema) : arbitraryOf(schema, making),
            ]),
        ),
        { requiredKeys: place === "path" ? parameters.filter((one) => one.in === "path").map(({ name }) => name) : [] },
      );
    const bodies = Object.entries(operation.requestBody?.content ?? {}).map(([type, { schema }]) =>
      fc.oneof(
        { weight: 12, arbitrary: arbitraryOf(schema, making).map((value) => ({ type, value })) },
        { weight: 1, arbitrary: fc.string({ unit: "binary" }).map((raw) => ({ type, raw })) },
        { weight: 1, arbitrary: fc.string().map((raw) => ({ type: "text/plain", raw })) },
      ),
    );
    const body = bodies.length > 0 ? fc.oneof(...bodies) : fc.constant(undefined);
    const extra = fc.oneof(
      { weight: 19, arbitrary: fc.constant(null) },
      { weight: 1, arbitrary: fc.string({ maxLength: 5 }) },
    );
    return fc.record({ names: of("path"), query: of("query"), headers: of("header"), body, extra }).map((drawn) => {
      const query = entries(drawn.query).map(([name, value]): [string, string] => [name, asText(value)]);
      if (drawn.extra !== null) query.push([`x${drawn.extra}`, "1"]);
      const filled = path.replace(/\{(\w+)\}/g, (_, name: string) =>
        segmentOf((drawn.names as Record<string, unknown>)[name]),
      );
      const headers = Object.fromEntries(entries(drawn.headers).map(([name, value]) => [name, encoded(value)]));
      // A connection that has been idle may be closed by the server just when it is used again.
      headers.Connection = "close";
      const given = drawn.body as { type: string; value?: unknown; raw?: string } | undefined;
      const isForm = given?.type === "multipart/form-data" && given.raw === undefined;
      if (given && !isForm) headers["Content-Type"] = given.type;
      return {
        ...{ method: method.toUpperCase(), path, operation, headers },
        address: `${server.url}${filled}?${new URLSearchParams(query)}`,
        body: given && (isForm ? formOf(given.value) : (given.raw ?? JSON.stringify(given.value))),
      };
    });
  };

  /** A value as a segment of an address; "." and ".." would lead elsewhere, and so would nothing. */
  const segmentOf = (value: unknown): string => {
    const segment = encoded(value);
    return /^\.{0,2}$/.test(segment) ? "x" : segment;
  };

  const check = async ({ method, path, operation }: RandomRequest, response: Response): Promise<void> => {
    const type = response.headers.get("content-type")?.split(";")[0] ?? "";
    // The stream of a swap that waits for approval has no end.
    const text = type === "text/event-stream" ? await firstChunk(response) : await response.text();
    const what = `${method} ${path} answered ${response.status}: ${text.slice(0, 500)}`;
    assert.ok(response.status < 500, what);
    const described = operation.responses[response.status];
    assert.ok(described, `not described: ${what}`);
    if (response.status === 204) assert.equal(text, "", what);
    if (!described.content) return;
    const content = described.content[type];
    assert.ok(content, `not described as ${type}: ${what}`);
    if (!type.endsWith("json")) return;
    const validate = validators.get(content.schema) ?? ajv.compile(inDocument(content.schema));
    validators.set(content.schema, validate);
    assert.ok(validate(JSON.parse(text)), `${ajv.errorsText(validate.errors)}: ${what}`);
  };

  it("are answered as the document says, and never by a failure of the server", async function () {
    this.timeout(REQUESTS * 500 + 60_000);
    const statuses = new Map<number, number>();
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    );
    const names = operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`);
    const failing = new Set(names.filter((name) => !OFF.test(name)));
    const requests = operations.map(({ path, method, operation }) => requestOf(path, method, operation));
    await fc.assert(
      fc.asyncProperty(fc.oneof(...requests), async (request) => {
        const { method, address, headers, body, path } = request;
        const response = await fetch(address, { method, headers, ...(body !== undefined && { body }) });
        statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
        if (response.ok) failing.delete(`${method} ${path}`);
        await follow(request, response);
        await check(request, response);
      }),
      {
        numRuns: REQUESTS,
        endOnFailure: true,
        ...(process.env.MOCO_FUZZ_SEED && { seed: Number(process.env.MOCO_FUZZ_SEED) }),
      },
    );
    const counts = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status} × ${count}`);
    console.log(`      statuses: ${counts.join(", ")}; ${operations.length} operations`);
    if (failing.size > 0) console.log(`      never succeeded: ${[...failing].join(", ")}`);
    if (REQUESTS >= ENOUGH) assert.equal(failing.size, 0);
    await server.http.get("/readyz").expect(200);
  });
});

/** What comes first of an answer; the rest is not waited for. */
async function firstChunk({ body }: Response): Promise<string> {
  const reader = body!.getReader();
  const { value } = await reader.read();
  await reader.cancel();
  return new TextDecoder().decode(value);
}

/** A value as it can stand in an address or a header. */
const encoded = (value: unknown): string => encodeURIComponent(Buffer.from(asText(value)).toString());

/** A schema of the document with its references made absolute, so that it can be compiled by itself. */
function inDocument(schema: JsonSchema): JsonSchema {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"openapi#/components/'));
}
