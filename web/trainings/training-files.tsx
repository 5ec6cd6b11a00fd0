// What a training leaves to look at: the views that it learns from, neighbours while it learned, and its report.
import { useState } from "preact/hooks";
import type { TrainingView } from "../../client/index.ts";
import { Button } from "../parts/button.tsx";
import { save } from "../parts/save.ts";
import { useSource } from "../parts/source.ts";
import { api, base, hasKey, problemOf } from "../state/server.ts";
import { toast } from "../state/toasts.ts";
import { ReportDialog } from "./report-dialog.tsx";

const REPORT = "report.html";
const VIEWS = "views.png";

interface FilesProps {
  readonly training: TrainingView;
}

export function TrainingFiles({ training: { name, files } }: FilesProps) {
  const [isOpen, setOpen] = useState(false);
  const [isReading, setReading] = useState(false);
  const read = () => {
    if (hasKey()) void download(name);
    else setReading(true);
  };
  const measured = files.flatMap((file) => /^neighbours-(\d+)\.png$/.exec(file)?.[1] ?? []).map(Number);
  if (files.length === 0) return null;
  return (
    <div class="files">
      {files.includes(VIEWS) && (
        <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
          <summary>What it sees</summary>
          {isOpen && (
            <div class="sheets">
              <figure>
                <figcaption>
                  <b>Views</b> Each row: an image, then random views of it. That they belong together is all that it is
                  told.
                </figcaption>
                <Sheet training={name} file={VIEWS} text="Images and views of them" />
              </figure>
              {measured.length > 0 && <Neighbours training={name} measured={measured} />}
            </div>
          )}
        </details>
      )}
      {files.includes(REPORT) && (
        <Button kind="link" aria-label={`Report of ${name}`} onClick={read}>
          Report
        </Button>
      )}
      {isReading && <ReportDialog name={name} address={addressOf(name, REPORT)} close={() => setReading(false)} />}
    </div>
  );
}

/** The same images with their neighbours after each measurement. */
function Neighbours({ training, measured }: { readonly training: string; readonly measured: readonly number[] }) {
  const [chosen, setChosen] = useState<number>();
  const at = measured.includes(chosen!) ? measured.indexOf(chosen!) : measured.length - 1;
  const text = `after ${measured[at]!.toLocaleString()} images seen`;
  return (
    <figure>
      <figcaption>
        <b>Nearest neighbours</b> Each row: an image, then those most similar to it, {text}.
      </figcaption>
      {measured.length > 1 && (
        <input
          type="range"
          aria-label="Images seen"
          aria-valuetext={text}
          min={0}
          max={measured.length - 1}
          value={at}
          onInput={({ currentTarget }) => setChosen(measured[Number(currentTarget.value)])}
        />
      )}
      {measured.map((seen, i) => (
        <Sheet
          key={seen}
          training={training}
          file={`neighbours-${seen}.png`}
          text={`Images and their nearest neighbours, ${text}`}
          hidden={i !== at}
        />
      ))}
    </figure>
  );
}

interface SheetProps {
  readonly training: string;
  readonly file: string;
  readonly text: string;
  readonly hidden?: boolean;
}

function Sheet({ training, file, text, hidden }: SheetProps) {
  const source = useSource(addressOf(training, file), (api) => api.getTrainingFile(training, file));
  return <img src={source} alt={text} hidden={hidden} />;
}

const addressOf = (training: string, file: string) =>
  `${base}v1/trainings/${encodeURIComponent(training)}/files/${file}`;

/** A frame cannot carry a key, and what the page made itself would be shown by the page's policy, without its style. */
async function download(name: string): Promise<void> {
  try {
    save(await api.getTrainingFile(name, REPORT), `${name}.html`);
  } catch (error) {
    toast(problemOf(error).detail);
  }
}
