// The whole page takes images that are dropped or pasted.
import { useEffect, useState } from "preact/hooks";
import { droppedImages, isImage } from "./given-files.ts";

interface DropZoneProps {
  /** What would happen to so many things if they were dropped now. */
  hint(files: number): string;
  given(files: File[]): void;
}

export function DropZone({ hint, given }: DropZoneProps) {
  const [over, setOver] = useState(0);
  useEffect(() => {
    const end = new AbortController();
    const on = <K extends keyof DocumentEventMap>(type: K, listen: (event: DocumentEventMap[K]) => void) =>
      document.addEventListener(type, listen, { signal: end.signal });
    const carriesFiles = ({ dataTransfer }: DragEvent) => dataTransfer?.types.includes("Files") ?? false;
    on("dragover", (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      setOver(event.dataTransfer!.items.length || 1);
    });
    on("dragleave", ({ relatedTarget }) => !relatedTarget && setOver(0));
    on("drop", async (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      setOver(0);
      const files = await droppedImages(event.dataTransfer!);
      if (files.length > 0) given(files);
    });
    on("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])].filter(isImage);
      if (files.length === 0) return;
      event.preventDefault();
      given(files);
    });
    return () => end.abort();
  }, [given]);
  return (
    <div id="drop" hidden={over === 0}>
      <p>{hint(over)}</p>
    </div>
  );
}
