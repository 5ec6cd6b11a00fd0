// Asks the user for an API key.
import { keyQuestion } from "../state/server.ts";
import { Dialog } from "./dialog.tsx";

export function KeyDialog() {
  const question = keyQuestion.value;
  if (!question) return null;
  return (
    <Dialog
      key={question}
      title="This server asks for a key"
      yes="Continue"
      answer={(fields) => question.answer(fields ? String(fields.get("key")).trim() || undefined : undefined)}
    >
      <p>Whoever runs it can tell you. It is kept in this tab only.</p>
      {question.refused && <p role="alert">That key was not accepted. Check it and try again.</p>}
      <label for="key">API key</label>
      <input id="key" name="key" type="password" autocomplete="off" required />
    </Dialog>
  );
}
