// Examples of "more like" and "less like": the buttons of a match, and the panel that shows and removes them.
import { Minus, Plus, X } from "lucide";
import { IconButton } from "../parts/button.tsx";
import { Thumbnail } from "../parts/thumbnail.tsx";
import type { GridImage } from "../parts/tile.tsx";
import { count } from "../parts/words.ts";
import { ask, question } from "./question.ts";

const GROUPS = [
  { kind: "more", name: "More like", button: "More like this", icon: Plus },
  { kind: "less", name: "Less like", button: "Less like this", icon: Minus },
] as const;

type Kind = (typeof GROUPS)[number]["kind"];

const chosen = (kind: Kind): readonly GridImage[] => question.value?.[kind] ?? [];
const without = (kind: Kind, { id }: GridImage) => chosen(kind).filter((one) => one.id !== id);

/** The buttons of a match that add it to the examples or remove it. */
export function ExampleButtons({ image }: { readonly image: GridImage }) {
  const toggle = (kind: Kind) => {
    const isChosen = chosen(kind).some(({ id }) => id === image.id);
    const rest = { more: without("more", image), less: without("less", image) };
    ask({ ...rest, ...(!isChosen && { [kind]: [...rest[kind], image] }) });
  };
  return GROUPS.map(({ kind, button, icon }) => (
    <IconButton
      key={kind}
      name={button}
      icon={icon}
      pressed={chosen(kind).some(({ id }) => id === image.id)}
      onClick={() => toggle(kind)}
    />
  ));
}

export function Examples() {
  const number = chosen("more").length + chosen("less").length;
  if (number === 0) return null;
  return (
    <section class="panel examples">
      {GROUPS.filter(({ kind }) => chosen(kind).length > 0).map(({ kind, name }) => (
        <div key={kind}>
          <h2>{name}</h2>
          <ul>
            {chosen(kind).map((image) => (
              <li key={image.id}>
                <Thumbnail image={image} side={54} />
                <IconButton name="Remove this example" icon={X} onClick={() => ask({ [kind]: without(kind, image) })} />
              </li>
            ))}
          </ul>
        </div>
      ))}
      <p class="hint">{count(number, "example")} moved the query.</p>
    </section>
  );
}
