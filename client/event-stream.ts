import { EventSourceParserStream } from "eventsource-parser/stream";

/** Yields the parsed JSON data of each server-sent event of a body. */
export async function* readEvents<T>(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<T> {
  const events = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  for await (const { data } of events) yield JSON.parse(data);
}
