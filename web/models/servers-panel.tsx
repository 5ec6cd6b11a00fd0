// The servers that share the storage: which of them answer, and which one runs swaps. A server alone shows nothing.
import { useEffect } from "preact/hooks";
import { useAnswer } from "../state/use-answer.ts";

/** Milliseconds between two looks while there are several servers, and while there is one: another may come. */
const [LOOK, LOOK_ALONE] = [2000, 10_000];

export function ServersPanel() {
  const { answer: servers, again } = useAnswer((api) => api.listServers(), []);
  const areSeveral = servers !== undefined && servers.length > 1;
  useEffect(() => {
    const timer = setInterval(again, areSeveral ? LOOK : LOOK_ALONE);
    return () => clearInterval(timer);
  }, [areSeveral, again]);
  if (!areSeveral) return null;
  return (
    <section class="panel servers" aria-label="Servers">
      <h2>Servers</h2>
      <table>
        <thead>
          <tr>
            {["Server", "State", "Generations open"].map((name) => (
              <th scope="col" key={name}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {servers.map(({ id, url, ready, leads, heardAt, generations }) => (
            <tr key={id} data-state={ready ? "ready" : "down"}>
              <th scope="row">{url}</th>
              <td>
                {ready ? "Answers" : `Does not answer; last heard of at ${new Date(heardAt).toLocaleTimeString()}`}
                {leads && <span class="badge">Runs swaps</span>}
              </td>
              <td>{generations.join(", ")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
