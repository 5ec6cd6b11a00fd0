// Uploads many files, a few in each request, and shows the outcome of each.
import { button, count, el } from "./dom.js";

/** Most files and bytes of one request; a larger file goes alone. */
const MOST_FILES = 16;
const MOST_BYTES = 16 * 1024 * 1024;
/** Requests under way at once. */
const LANES = 2;
/** Attempts at a busy server before files count as failed. */
const ATTEMPTS = 20;

/**
 * Stores files.
 *
 * @param {File[]} files
 * @param {object} options
 * @param {AbortSignal} options.signal Stops the upload.
 * @param {(image: any, file: File) => void} options.stored Called for each file that was stored.
 * @param {(file: File, why: string) => void} options.refused Called for each file that was not.
 */
export async function uploadAll(api, files, { signal, stored, refused }) {
  const batches = inBatches(files);
  const lane = async () => {
    for (let batch = batches.shift(); batch; batch = batches.shift()) {
      if (signal.aborted) return;
      await send(batch);
    }
  };

  const send = async (batch, attempt = 1) => {
    const form = new FormData();
    for (const file of batch) form.append("image", file, file.name);
    form.append("metadata", JSON.stringify(batch.map(metadataOf)));
    try {
      const { images, errors } = await api.post("/v1/images", { form, signal });
      const reasons = new Map(errors.map(({ index, detail }) => [index, detail]));
      for (const [index, reason] of reasons) refused(batch[index], reason);
      const kept = batch.filter((_, index) => !reasons.has(index));
      for (const [i, image] of images.entries()) stored(image, kept[i]);
    } catch (error) {
      if (signal.aborted) return;
      if (error.retryAfter && attempt < ATTEMPTS) {
        await new Promise((resolve) => setTimeout(resolve, error.retryAfter * 1000));
        await send(batch, attempt + 1);
      } else if (batch.length > 1 && error.status >= 400 && error.status < 500) {
        // The answer is about the first file only: send each alone.
        for (const file of batch) await send([file]);
      } else for (const file of batch) refused(file, error.message);
    }
  };

  await Promise.all(Array.from({ length: LANES }, lane));
}

function inBatches(files) {
  const batches = [[]];
  let bytes = 0;
  for (const file of files) {
    const last = batches.at(-1);
    if (last.length > 0 && (last.length === MOST_FILES || bytes + file.size > MOST_BYTES)) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1).push(file);
    bytes += file.size;
  }
  return batches;
}

/** The file's name, and its folder's name as the label. */
function metadataOf({ name, webkitRelativePath }) {
  const folder = webkitRelativePath.split("/").at(-2);
  return folder ? { label: folder, name } : { name };
}

/**
 * Uploads files and shows how far it is and which were refused.
 *
 * @param {{ stored: (image: any) => void }} hooks
 * @returns {HTMLElement} A panel that stays until the user closes it.
 */
export function showUpload(api, files, { stored }) {
  const abort = new AbortController();
  let done = 0;
  let duplicates = 0;
  let refusals = 0;
  const progress = el("progress", { max: files.length, value: 0, "aria-label": "Upload" });
  const text = el("p", { role: "status" });
  const failures = el("ul", { class: "failures" });
  const close = button("Cancel", () => {
    if (done < files.length) abort.abort();
    element.remove();
  });
  const element = el("section", { class: "panel upload", "aria-label": "Upload" }, text, progress, failures, close);

  const advance = (ended = false) => {
    progress.value = done;
    const parts = [
      ended
        ? `Added ${count(done - refusals, "image")}`
        : `Adding ${done.toLocaleString()} of ${count(files.length, "image")} …`,
      duplicates > 0 && `${count(duplicates, "file was", "files were")} there already`,
      refusals > 0 && `${count(refusals, "file was", "files were")} refused`,
    ];
    text.textContent = parts.filter(Boolean).join(" · ");
  };
  advance();
  void uploadAll(api, files, {
    signal: abort.signal,
    stored(image) {
      done++;
      if (image.duplicateOf) duplicates++;
      advance();
      stored(image);
    },
    refused(file, why) {
      done++;
      refusals++;
      advance();
      failures.append(el("li", {}, el("b", {}, file.webkitRelativePath || file.name), ` ${why}`));
    },
  }).then(() => {
    advance(true);
    close.textContent = "Close";
    progress.hidden = true;
  });
  return element;
}
