// A message in place of what cannot be shown, with what helps.
import type { ComponentChildren } from "preact";
import { askAgain, type problemOf } from "../state/server.ts";
import { Button } from "./button.tsx";

interface NoticeProps {
  readonly title: string;
  readonly text?: ComponentChildren;
  /** Buttons or links for what to do about it. */
  readonly children?: ComponentChildren;
}

export function Notice({ title, text, children }: NoticeProps) {
  return (
    <div class="notice">
      <h2>{title}</h2>
      {text && <p>{text}</p>}
      {children && <div class="actions">{children}</div>}
    </div>
  );
}

interface FailureProps {
  readonly problem: ReturnType<typeof problemOf>;
  /** Tries again. */
  again(): void;
  /** What helps instead where trying again would not. */
  readonly children?: ComponentChildren;
}

/** Failures of a request that another request will not have. */
const HOPELESS = /^(invalid_|corrupt_|unsupported_|image_|empty_|payload_|missing_image|forbidden)/;

/** What failed, and the way on. */
export function Failure({ problem: { code, title, detail }, again, children }: FailureProps) {
  const way = HOPELESS.test(code) ? (
    children
  ) : (
    <Button kind="primary" onClick={code === "unauthorized" ? askAgain : again}>
      {code === "unauthorized" ? "Enter the key" : "Try again"}
    </Button>
  );
  return (
    <Notice title={title} text={detail}>
      {way}
    </Notice>
  );
}
