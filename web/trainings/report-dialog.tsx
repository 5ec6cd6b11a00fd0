// The report of a training, over the page. It is a document of its own that may do nothing but be looked at.
import { useEffect, useId, useRef } from "preact/hooks";
import { Button } from "../parts/button.tsx";

interface ReportDialogProps {
  readonly name: string;
  readonly address: string;
  close(): void;
}

export function ReportDialog({ name, address, close }: ReportDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => dialog.current!.showModal(), []);
  return (
    <dialog ref={dialog} class="document" aria-labelledby={id} onClose={close}>
      <div class="row">
        <h2 id={id}>Report of {name}</h2>
        <div class="actions">
          <a class="button" href={address} target="_blank" rel="noreferrer">
            Open alone
          </a>
          <Button onClick={close}>Close</Button>
        </div>
      </div>
      <iframe src={address} title={`Report of ${name}`} sandbox="" />
    </dialog>
  );
}
