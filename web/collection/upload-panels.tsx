// How far each upload is, and which files were refused.
import { Button } from "../parts/button.tsx";
import { count } from "../parts/words.ts";
import { type Upload, uploads } from "./uploads.ts";

export function UploadPanels() {
  return uploads.value.map((upload, i) => <UploadPanel key={uploads.value.length - i} {...upload} />);
}

function UploadPanel({ files, done, duplicates, refused, close }: Upload) {
  const hasEnded = done === files;
  const parts = [
    hasEnded
      ? `Added ${count(done - refused.length, "image")}`
      : `Adding ${done.toLocaleString()} of ${count(files, "image")} …`,
    duplicates > 0 && `${count(duplicates, "file was", "files were")} there already`,
    refused.length > 0 && `${count(refused.length, "file was", "files were")} refused`,
  ];
  return (
    <section class="panel upload" aria-label="Upload">
      <p role="status">{parts.filter(Boolean).join(" · ")}</p>
      {!hasEnded && <progress max={files} value={done} aria-label="Upload" />}
      {refused.length > 0 && (
        <ul class="failures">
          {refused.map(({ name, why }) => (
            <li key={name}>
              <b>{name}</b> {why}
            </li>
          ))}
        </ul>
      )}
      <Button onClick={close}>{hasEnded ? "Close" : "Cancel"}</Button>
    </section>
  );
}
