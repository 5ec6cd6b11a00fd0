// Image files that the user gives: picked, dropped, or pasted.

/** Media types that a file picker offers. */
const ACCEPT = "image/jpeg,image/png,image/webp,image/avif,image/heic,image/heif,image/tiff,image/gif";

/** Lets the user pick images. Resolves with them, or with none if the user cancels. */
export function pickImages({ multiple = false, folder = false } = {}): Promise<File[]> {
  return new Promise((resolve) => {
    const input = document.createElement("input");
    Object.assign(input, { type: "file", accept: ACCEPT, multiple, webkitdirectory: folder });
    input.addEventListener("change", () => resolve([...(input.files ?? [])].filter(isImage)));
    input.addEventListener("cancel", () => resolve([]));
    input.click();
  });
}

/** The images that were dropped, those of folders too. */
export async function droppedImages({ items, files }: DataTransfer): Promise<File[]> {
  const entries = [...items].map((item) => item.webkitGetAsEntry?.());
  if (!entries.some((entry) => entry?.isDirectory)) return [...files];
  const found = await Promise.all(entries.map((entry) => (entry ? filesBelow(entry) : [])));
  return found.flat().filter(isImage);
}

/** The name counts too, as some systems give TIFF and AVIF files no type. The server looks at the bytes anyway. */
export function isImage({ type, name }: File): boolean {
  return type.startsWith("image/") || /\.(jpe?g|png|webp|avif|hei[cf]|tiff?|gif)$/i.test(name);
}

/** All files below a dropped folder, each with its `webkitRelativePath`, as the folder picker sets it. */
async function filesBelow(entry: FileSystemEntry, path = ""): Promise<File[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    Object.defineProperty(file, "webkitRelativePath", { value: `${path}${file.name}` });
    return [file];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: File[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return found;
    for (const child of some) found.push(...(await filesBelow(child, `${path}${entry.name}/`)));
  }
}
