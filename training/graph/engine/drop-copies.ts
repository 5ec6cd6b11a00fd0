// onnxruntime-node copies every output into a fresh array, also one that was computed into an array of ours. These
// copies are freed at once, and in such a way that the next step finds their memory again.

const closedPort = new MessageChannel().port1;
closedPort.close();

/** A block is kept in each of the first steps. From the second on, glibc has the copies in its heap. */
const STEPS = 2;
/** Size of such a block. It is never written, so it takes no memory. */
const BLOCK_BYTES = 4 * 2 ** 20;

/**
 * What a graph frees its copies with. glibc gives what is free at the top of its heap back to the system, and zeros it
 * page by page on one thread when it is asked for again: for 135 MB of copies that is a fifth of a step of ResNet-18.
 * Blocks that are taken while the copies are alive, and stay, keep them from lying at the top.
 */
export function createDropper(): (copies: readonly ArrayBufferLike[]) => void {
  const blocks: Uint8Array[] = [];
  return (copies) => {
    if (copies.length === 0) return;
    if (blocks.length < STEPS) blocks.push(new Uint8Array(BLOCK_BYTES));
    closedPort.postMessage(null, [...copies] as ArrayBuffer[]); // detaches and frees them, without the garbage collector
  };
}
