// Narrows by metadata and by the day on which images were added. What is offered comes from the whole collection.
import { useState } from "preact/hooks";
import type { Facets, Filter } from "../../client/index.ts";
import { changes } from "../state/changes.ts";
import { useAnswer } from "../state/use-answer.ts";
import { Button } from "./button.tsx";
import { type Choices, choicesOf, filterOf, toggled } from "./choices.ts";

/** Values of a field that are shown before the user looks for others. */
const SHOWN = 12;

interface FiltersProps {
  readonly filter: Filter | undefined;
  changed(filter: Filter | undefined): void;
}

export function Filters({ filter, changed }: FiltersProps) {
  const { answer } = useAnswer((api) => api.getFacets({ limit: SHOWN }), [changes.value]);
  const choices = choicesOf(filter);
  const choose = (next: Choices) => changed(filterOf(next));
  const day = (name: "from" | "to", label: string) => (
    <label>
      {label}
      <input
        type="date"
        value={choices[name] ?? ""}
        onChange={({ currentTarget }) => choose({ ...choices, [name]: currentTarget.value || undefined })}
      />
    </label>
  );
  return (
    <section class="panel facets" aria-label="Filter">
      <div class="row">
        <h2>Filter</h2>
        {filter && (
          <Button kind="link" onClick={() => changed(undefined)}>
            Clear
          </Button>
        )}
      </div>
      {answer?.fields.map((field) => (
        <Field key={field.field} field={field} choices={choices} choose={choose} />
      ))}
      <fieldset class="days">
        <legend>Added</legend>
        {day("from", "from")}
        {day("to", "to")}
      </fieldset>
    </section>
  );
}

interface FieldProps {
  readonly field: Facets["fields"][number];
  readonly choices: Choices;
  choose(next: Choices): void;
}

function Field({ field: { field, distinct, values }, choices, choose }: FieldProps) {
  const [search, setSearch] = useState("");
  const isLong = distinct > SHOWN;
  const found = useAnswer(
    async (api) => (search ? (await api.getFacets({ field, search, limit: SHOWN })).fields[0]?.values : undefined),
    [field, search],
  ).answer;
  const chosen = choices.values.get(field) ?? [];
  const offered = search && found ? found : values;
  const missing = chosen.filter((value) => !offered.some((one) => one.value === value));
  return (
    <fieldset>
      <legend>{field}</legend>
      {isLong && (
        <input
          type="search"
          placeholder={`${distinct.toLocaleString()} values`}
          aria-label={`Find a value of ${field}`}
          value={search}
          onInput={({ currentTarget }) => setSearch(currentTarget.value.trim())}
        />
      )}
      {[...missing.map((value) => ({ value, count: undefined })), ...offered].map(({ value, count }) => (
        <label class="facet" key={`${typeof value} ${value}`}>
          <input
            type="checkbox"
            checked={chosen.includes(value)}
            onChange={() => choose(toggled(choices, field, value))}
          />
          <span>
            {String(value)} {count !== undefined && <small>{count.toLocaleString()}</small>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}
