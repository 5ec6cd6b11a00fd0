// Prometheus metrics of the server.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** What the time of a request is spent on. */
export type Stage = "decode" | "queue" | "encode" | "search";

/** Measures that the server records while it works. */
export interface Metrics {
  request(method: string, route: string, status: number, seconds: number): void;
  stage(stage: Stage, seconds: number): void;
  batch(size: number): void;
  /** The Prometheus text, and its content type. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** Values that are read each time the metrics are. */
export interface Gauges {
  /** Number of the active generation; undefined before the first. */
  readonly generation: () => number | undefined;
  readonly images: () => Promise<number>;
  readonly contents: () => Promise<number>;
  /** Images that are being decoded, queued or embedded. */
  readonly waiting: () => number;
  readonly ready: () => boolean;
  /** Servers of the storage that answer. */
  readonly servers: () => Promise<number>;
}

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Makes the metrics of one server. */
export function createMetrics(gauges: Gauges): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: "moco_search_request_seconds",
    help: "Time from a request to its answer.",
    labelNames: ["method", "route", "status"],
    buckets: SECONDS,
    registers,
  });
  const stages = new Histogram({
    name: "moco_search_stage_seconds",
    help: "Time in one stage: decode an image, queue for the encoder, encode its batch, search the index.",
    labelNames: ["stage"],
    buckets: SECONDS,
    registers,
  });
  const batches = new Histogram({
    name: "moco_search_batch_images",
    help: "Images in one run of the encoder.",
    buckets: [1, 2, 4, 8, 16, 32, 64, 128],
    registers,
  });
  const embedded = new Counter({ name: "moco_search_embedded_images_total", help: "Images embedded.", registers });
  const gauge = (name: string, help: string, value: () => number | Promise<number>) =>
    new Gauge({
      name: `moco_search_${name}`,
      help,
      registers,
      async collect() {
        this.set(await value());
      },
    });
  gauge("generation", "Number of the active generation, 0 before the first.", () => gauges.generation() ?? 0);
  gauge("images", "Stored images.", gauges.images);
  gauge("index_size", "Distinct contents, each with a place in the index.", gauges.contents);
  gauge("waiting_images", "Images on their way to an embedding.", gauges.waiting);
  gauge("servers", "Servers of the storage that answer.", gauges.servers);
  gauge("ready", "1 where the server can search and embed.", () => Number(gauges.ready()));
  return {
    request: (method, route, status, seconds) => requests.observe({ method, route, status }, seconds),
    stage: (stage, seconds) => stages.observe({ stage }, seconds),
    batch(size) {
      batches.observe(size);
      embedded.inc(size);
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
