// The status at the top of the page: which model answers, and a banner while the server does not.

/** Milliseconds between attempts while the server does not answer. */
const RETRY = 2000;

/**
 * @param {HTMLElement} chip
 * @param {HTMLElement} banner
 */
export function createStatus(chip, banner) {
  let timer;
  const listeners = new Set();
  let latest;

  const showModel = (generation, model) => {
    chip.textContent = model.name;
    chip.title = `Model "${model.name}", version ${model.version}, generation ${generation}`;
    chip.dataset.state = "ready";
    const changed = latest && latest.generation !== generation;
    latest = { generation, model };
    if (changed) for (const listener of listeners) listener(latest);
  };

  const showDown = (text) => {
    chip.dataset.state = "down";
    banner.textContent = text;
    banner.hidden = false;
  };

  const check = async () => {
    clearTimeout(timer);
    try {
      const response = await fetch("/readyz");
      const problem = response.ok ? undefined : await response.json().catch(() => ({}));
      if (!problem) {
        banner.hidden = true;
        chip.dataset.state = "ready";
        if (!latest) chip.textContent = "Ready"; // the first answer of a search names the model
        return;
      }
      showDown(`${problem.detail ?? "The server is not ready."} Trying again …`);
    } catch {
      showDown("The server does not answer. Start it with “moco-search serve”; this page goes on by itself.");
    }
    timer = setTimeout(check, RETRY);
  };

  return {
    /** Takes the model from an answer that names it. */
    answered(answer) {
      if (answer?.generation && answer.model) showModel(answer.generation, answer.model);
      else if (answer?.active) showModel(answer.active.generation, answer.active.card);
    },
    /** Checks the server after a failure that may mean it is down. */
    failed({ status, code }) {
      if (status === 0 || ["not_ready", "encoder_unavailable", "index_unavailable"].includes(code)) void check();
    },
    /** Registers a listener that is called when another generation answers than before. */
    onChange: (listener) => listeners.add(listener),
    watch: check,
  };
}
