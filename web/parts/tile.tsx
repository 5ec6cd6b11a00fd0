// One stored image in a grid: opens it, chooses it, or searches for what is similar.
import { Check, ScanSearch } from "lucide";
import type { ComponentChildren, CSSProperties } from "preact";
import type { Metadata } from "../../client/index.ts";
import { address, go } from "../state/route.ts";
import { selected } from "../state/selection.ts";
import { IconButton } from "./button.tsx";
import { Icon } from "./icon.tsx";
import { Thumbnail } from "./thumbnail.tsx";
import { formatScore, labelOf, nameOf, titleOf } from "./words.ts";

/** What a grid shows of an image. */
export interface GridImage {
  readonly id: string;
  readonly metadata: Metadata;
  /** Pixels as displayed. */
  readonly width: number;
  readonly height: number;
  /** Cosine similarity with the query. */
  readonly score?: number;
}

interface TileProps {
  readonly image: GridImage;
  /** Place and size in the grid. */
  readonly style: CSSProperties;
  readonly side: number;
  readonly position: number;
  readonly of: number;
  /** Buttons over the image, beside the usual ones. */
  readonly children?: ComponentChildren;
  /** A few words in the corner. */
  readonly badge?: string | undefined;
  open(event: MouseEvent): void;
  pick(event: MouseEvent): void;
}

export function Tile({ image, style, side, position, of, children, badge, open, pick }: TileProps) {
  const title = titleOf(image.metadata) || "this image";
  const score = image.score === undefined ? undefined : formatScore(image.score);
  const isChosen = selected.value.has(image.id);
  return (
    <li
      class={`tile${isChosen ? " chosen" : ""}`}
      data-id={image.id}
      style={style}
      aria-setsize={of}
      aria-posinset={position + 1}
    >
      <div class="frame">
        <button
          type="button"
          class="picture"
          aria-label={[`Open ${title}`, score && `score ${score}`].filter(Boolean).join(", ")}
          onClick={open}
        >
          <Thumbnail image={image} side={side} silent />
        </button>
        <button type="button" class="pick" aria-pressed={isChosen} aria-label={`Select ${title}`} onClick={pick}>
          <Icon of={Check} size={16} />
        </button>
        <div class="tile-actions">
          {children}
          <IconButton
            name={`Find images similar to ${title}`}
            icon={ScanSearch}
            onClick={() => go(address("search", { id: image.id }))}
          />
        </div>
        {badge && <span class="badge">{badge}</span>}
      </div>
      <Caption image={image} score={score} />
    </li>
  );
}

function Caption({ image: { metadata }, score }: { readonly image: GridImage; readonly score: string | undefined }) {
  const [label, name] = [labelOf(metadata), nameOf(metadata)];
  const details = Object.entries(metadata).map(([field, value]) => `${field}: ${JSON.stringify(value)}`);
  return (
    <span class="caption" title={details.join("\n") || undefined}>
      {score && <b class="score">{score}</b>}
      <span class="name">{label || name || (score ? "" : "untitled")}</span>
      {label && name && <small>{name}</small>}
    </span>
  );
}
