// An image as large as the screen: arrows to the next one, what is known about it, and what can be done with it.
import { Crop, Download, Map as MapIcon, ScanSearch, Trash2 } from "lucide";
import PhotoSwipe, { type SlideData, type ZoomLevelOption } from "photoswipe";
import "photoswipe/style.css";
import { type ComponentChildren, render } from "preact";
import { deleteImages } from "../state/changes.ts";
import { address, go } from "../state/route.ts";
import { api, hasKey } from "../state/server.ts";
import { useAnswer } from "../state/use-answer.ts";
import { Button } from "./button.tsx";
import { FactList } from "./fact-list.tsx";
import { save } from "./save.ts";
import { contentAddress } from "./thumbnail.tsx";
import type { GridImage } from "./tile.tsx";
import { formatBytes, formatScore, formatTime, nameOf, titleOf, valueText } from "./words.ts";

/** Longest side that the server makes a picture of, pixels: browsers cannot show every format that it stores. */
const LARGEST = 2048;
/** Room for the facts at the right, and the least width of a screen that has it, pixels. */
const PANEL = 340;
const WIDE = 900;

/**
 * Opens an image.
 *
 * @param closed Called with the id of the image that was shown last.
 * @param actions Buttons beside the usual ones.
 */
export function openLightbox<T extends GridImage>(
  images: readonly T[],
  index: number,
  closed: (id: string) => void,
  actions?: (image: T) => ComponentChildren,
): void {
  /** What happens once the lightbox no longer holds the focus. */
  let afterwards = () => closed(images[box.currIndex]!.id);
  const leave = (act: () => void) => {
    afterwards = act;
    box.close();
  };
  const remove = (image: T) =>
    leave(() => {
      const at = images.indexOf(image);
      closed((images[at + 1] ?? images[at - 1] ?? image).id);
      deleteImages([image], titleOf(image.metadata) || "1 image");
    });
  const box = new PhotoSwipe({
    dataSource: images.map(
      ({ id, width, height, metadata }): SlideData => ({
        src: contentAddress(id, LARGEST),
        msrc: contentAddress(id, 192),
        width,
        height,
        alt: titleOf(metadata) || "stored image",
      }),
    ),
    index,
    loop: false,
    bgOpacity: 0.94,
    wheelToZoom: true,
    trapFocus: true,
    returnFocus: false,
    showHideAnimationType: "none", // while it opens it could not be closed
    initialZoomLevel: filling,
    secondaryZoomLevel: (level) => Math.max(filling(level) * 2, 1),
    maxZoomLevel: (level) => Math.max(filling(level) * 4, 4),
    counter: false, // of a collection only the first pages are here
    // The facts are at the right, or at the foot of a narrow screen.
    paddingFn: ({ x, y }) => ({ top: 56, bottom: x < WIDE ? 0.34 * y : 20, left: 0, right: x < WIDE ? 0 : PANEL }),
    errorMsg: "The image cannot be shown.",
  });
  if (hasKey()) loadWithKey(box, images);
  box.on("uiRegister", () => {
    box.ui!.registerElement({
      name: "facts",
      className: "pswp__facts",
      appendTo: "wrapper",
      onInit(element) {
        const show = () => {
          const image = images[box.currIndex]!;
          render(
            <Facts key={image.id} image={image} leave={leave} remove={() => remove(image)}>
              {actions?.(image)}
            </Facts>,
            element,
          );
        };
        box.on("change", show);
        box.on("destroy", () => render(null, element));
        element.addEventListener("pointerdown", (event) => event.stopPropagation());
        element.addEventListener("wheel", (event) => event.stopPropagation());
        element.addEventListener("click", (event) => event.stopPropagation());
      },
    });
  });
  const addressChanged = () => leave(() => {});
  box.on("destroy", () => {
    removeEventListener("hashchange", addressChanged);
    afterwards();
  });
  addEventListener("hashchange", addressChanged);
  box.init();
  box.element!.setAttribute("aria-label", "Image");
}

/** A small image is shown larger than it is, but not as a wall of blurred squares. */
function filling({ panAreaSize, elementSize }: Parameters<Extract<ZoomLevelOption, (...given: never) => unknown>>[0]) {
  if (!panAreaSize || !elementSize) return 1;
  return Math.min(panAreaSize.x / elementSize.x, panAreaSize.y / elementSize.y, 8);
}

/** An address alone carries no key: pictures are fetched, then shown. */
function loadWithKey(box: PhotoSwipe, images: readonly GridImage[]): void {
  box.addFilter("placeholderSrc", () => false);
  box.on("contentLoad", (event) => {
    event.preventDefault();
    const { content } = event;
    const img = document.createElement("img");
    img.className = "pswp__img";
    content.element = img;
    content.state = "loading";
    const address = api.getImageContent(images[content.index]!.id, { size: LARGEST }).then(URL.createObjectURL);
    address.then(
      (source) => {
        img.src = source;
        img.addEventListener("load", () => {
          URL.revokeObjectURL(source);
          content.onLoaded();
        });
      },
      () => content.onError(),
    );
  });
}

interface FactsProps {
  readonly image: GridImage;
  /** Closes the lightbox and does something else. */
  leave(act: () => void): void;
  remove(): void;
  readonly children: ComponentChildren;
}

function Facts({ image, leave, remove, children }: FactsProps) {
  const { id, metadata, width, height, score } = image;
  const { answer } = useAnswer((client) => client.getImage(id), [id]);
  const facts: Array<[string, string]> = [
    ...(score === undefined ? [] : [["Score", formatScore(score)] as [string, string]]),
    ["Pixels", `${width.toLocaleString()} × ${height.toLocaleString()}`],
    ...(answer
      ? ([
          ["File", `${answer.type.toUpperCase()}, ${formatBytes(answer.bytes)}`],
          ["Added", formatTime(answer.createdAt)],
        ] as Array<[string, string]>)
      : []),
    ...Object.entries(answer?.metadata ?? metadata).map(([field, value]): [string, string] => [
      field,
      valueText(value),
    ]),
    ["Id", id],
  ];
  const download = async () => save(await api.getImageContent(id), fileName(metadata, id, answer?.type));
  return (
    <aside aria-label="About this image">
      <h2>{titleOf(metadata) || "Untitled"}</h2>
      <div class="actions">
        <Button icon={ScanSearch} kind="primary" onClick={() => leave(() => go(address("search", { id })))}>
          Find similar
        </Button>
        <Button icon={Crop} onClick={() => leave(() => go(address("search", { id, part: "" })))}>
          Search by part
        </Button>
        <Button icon={MapIcon} onClick={() => leave(() => go(address("map", { id })))}>
          On the map
        </Button>
        <Button icon={Download} onClick={() => void download()}>
          Download
        </Button>
        <Button icon={Trash2} onClick={remove}>
          Delete
        </Button>
        {children}
      </div>
      <FactList facts={facts} />
    </aside>
  );
}

function fileName(metadata: GridImage["metadata"], id: string, type = "image"): string {
  const name = nameOf(metadata);
  return /\.\w{2,5}$/.test(name) ? name : `${name || id}.${type}`;
}
