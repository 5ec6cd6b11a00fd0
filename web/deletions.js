// Deletions that can be undone: the server deletes only when the time to undo is over or the page is left.

/**
 * @param {object} options
 * @param {(id: string, error: Error) => void} options.failed Called if the server did not delete the image.
 */
export function createDeletions({ api, toast, failed }) {
  /** Images that can still be brought back: id → a function that closes their message. */
  const waiting = new Map();

  const tell = async (id, options) => {
    waiting.delete(id);
    try {
      await api.delete(`/v1/images/${encodeURIComponent(id)}`, options);
    } catch (error) {
      if (error.code !== "image_not_found") failed(id, error);
    }
  };

  window.addEventListener("pagehide", () => {
    for (const [id, close] of [...waiting]) {
      close();
      void tell(id, { keepalive: true });
    }
  });

  return {
    /** True for an image that is being deleted. */
    has: (id) => waiting.has(id),
    /** @param {() => void} undone Called if the user undoes the deletion. */
    begin(id, name, undone) {
      const undo = () => {
        waiting.delete(id);
        undone();
      };
      const close = toast(`Deleted ${name || "1 image"}`, { label: "Undo", run: undo }, () => void tell(id));
      waiting.set(id, close);
    },
  };
}
