// Buttons.
import type { IconNode } from "lucide";
import type { ButtonHTMLAttributes, ComponentChildren } from "preact";
import { Icon } from "./icon.tsx";

interface ButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "icon" | "type"> {
  readonly kind?: "primary" | "primary large" | "link" | "danger" | undefined;
  readonly icon?: IconNode;
  readonly disabled?: boolean | undefined;
  readonly children: ComponentChildren;
}

/** A button with its name in words, and an icon before it where one is given. */
export function Button({ kind, icon, children, ...rest }: ButtonProps) {
  return (
    <button type="button" class={kind} {...rest}>
      {icon && <Icon of={icon} />}
      {children}
    </button>
  );
}

interface IconButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "icon" | "type"> {
  /** For screen readers and the tooltip. */
  readonly name: string;
  readonly icon: IconNode;
  readonly pressed?: boolean;
}

/** A button that shows an icon only. */
export function IconButton({ name, icon, pressed, class: given, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      class={`icon ${given ?? ""}`.trim()}
      aria-label={name}
      title={name}
      aria-pressed={pressed}
      {...rest}
    >
      <Icon of={icon} />
    </button>
  );
}
