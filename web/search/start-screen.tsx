// The start of a search: choose an image file or one of the stored images.
import { Button } from "../parts/button.tsx";
import { pickImages } from "../parts/given-files.ts";
import { Failure, Notice } from "../parts/notice.tsx";
import { Thumbnail } from "../parts/thumbnail.tsx";
import { titleOf } from "../parts/words.ts";
import { address } from "../state/route.ts";
import { useAnswer } from "../state/use-answer.ts";
import { searchWithFile } from "./question.ts";

const SHOWN = 60;

/** Lets the user choose an image file, and searches with it. */
export async function pickQuery(): Promise<void> {
  const [file] = await pickImages();
  if (file) await searchWithFile(file);
}

/** How to fill an empty collection. */
export function EmptyCollection() {
  return (
    <Notice
      title="The collection is empty"
      text="Add your own images, or run “moco-search demo” for 2,000 small pictures of clothes."
    >
      <a class="button primary" href={address("collection")}>
        Add images
      </a>
    </Notice>
  );
}

export function StartScreen() {
  const { answer, problem, again } = useAnswer((api) => api.listImages({ limit: SHOWN }), []);
  return (
    <div class="start">
      <section class="hero">
        <h1>Find images that look alike</h1>
        <p>Drop an image anywhere, paste one, or choose a file. It is compared with your collection and not kept.</p>
        <Button kind="primary large" onClick={() => void pickQuery()}>
          Choose an image
        </Button>
      </section>
      {problem && <Failure problem={problem} again={again} />}
      {answer?.images.length === 0 && <EmptyCollection />}
      {answer && answer.images.length > 0 && (
        <section class="ideas">
          <h2>Or start with one of yours</h2>
          <ul class="wall">
            {answer.images.map((image) => (
              <li key={image.id}>
                <a
                  href={address("search", { id: image.id })}
                  class="picture"
                  aria-label={`Find images similar to ${titleOf(image.metadata) || "this one"}`}
                >
                  <Thumbnail image={image} side={96} silent />
                </a>
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}
