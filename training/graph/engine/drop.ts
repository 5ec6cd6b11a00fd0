// Frees arrays at once: those that onnxruntime-node copies outputs into take many megabytes in each step, and the
// garbage collector would let them wait.

const closedPort = new MessageChannel().port1;
closedPort.close();

/** Frees the memory of arrays, which are empty from then on. */
export function drop(buffers: readonly ArrayBufferLike[]): void {
  if (buffers.length > 0) closedPort.postMessage(null, [...buffers] as ArrayBuffer[]); // who sends an array has it no more
}
