// Names and values, one below the other or as the style sheet says.

interface FactListProps {
  readonly class?: string;
  readonly facts: ReadonlyArray<readonly [term: string, value: string]>;
}

export function FactList({ class: kind, facts }: FactListProps) {
  return (
    <dl class={kind}>
      {facts.map(([term, value]) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
