// Images that the user gives: dropped anywhere, pasted, or picked.
import { el } from "./dom.js";

/** Media types that a file picker offers. */
const ACCEPT = "image/jpeg,image/png,image/webp,image/avif,image/heic,image/heif,image/tiff,image/gif";

/** Lets the user pick images. Resolves with them, or with none if the user cancels. */
export function pickImages({ multiple = false, folder = false } = {}) {
  return new Promise((resolve) => {
    const input = el("input", { type: "file", accept: ACCEPT, multiple, webkitdirectory: folder });
    input.addEventListener("change", () => resolve([...input.files].filter(isImage)));
    input.addEventListener("cancel", () => resolve([]));
    input.click();
  });
}

/**
 * Calls `given` with images that are dropped anywhere or pasted.
 *
 * @param {{ overlay: HTMLElement, hint: () => string, given: (files: File[]) => void }} options
 */
export function onImagesGiven({ overlay, hint, given }) {
  const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    overlay.firstElementChild.textContent = hint();
    overlay.hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) overlay.hidden = true;
  });
  document.addEventListener("drop", async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    overlay.hidden = true;
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
    const files = entries.some((entry) => entry?.isDirectory)
      ? (await Promise.all(entries.map((entry) => filesBelow(entry)))).flat().filter(isImage)
      : [...event.dataTransfer.files];
    if (files.length > 0) given(files);
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])].filter(isImage);
    if (files.length === 0) return;
    event.preventDefault();
    given(files);
  });
}

/** The name counts too, as some systems give TIFF and AVIF files no type. The server looks at the bytes anyway. */
function isImage({ type, name }) {
  return type.startsWith("image/") || /\.(jpe?g|png|webp|avif|hei[cf]|tiff?|gif)$/i.test(name);
}

/** All files below a dropped folder, each with its `webkitRelativePath`, as the folder picker sets it. */
async function filesBelow(entry, path = "") {
  if (!entry) return [];
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    Object.defineProperty(file, "webkitRelativePath", { value: `${path}${file.name}` });
    return [file];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) break;
    for (const child of some) found.push(...(await filesBelow(child, `${path}${entry.name}/`)));
  }
  return found;
}
