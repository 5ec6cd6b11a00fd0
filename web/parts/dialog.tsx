// A question in front of everything else.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Button } from "./button.tsx";

interface DialogProps {
  readonly title: string;
  /** The button that says yes. */
  readonly yes: string;
  readonly children: ComponentChildren;
  /** Called once: with the form's fields, or with undefined where the user has cancelled. */
  answer(fields: FormData | undefined): void;
}

export function Dialog({ title, yes, children, answer }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => dialog.current!.showModal(), []);
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={() => answer(undefined)}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          answer(new FormData(event.currentTarget));
        }}
      >
        <h2 id={id}>{title}</h2>
        {children}
        <div class="actions">
          <button type="submit" class="primary">
            {yes}
          </button>
          <Button onClick={() => answer(undefined)}>Cancel</Button>
        </div>
      </form>
    </dialog>
  );
}
