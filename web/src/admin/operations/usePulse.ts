import { useQuery } from "@tanstack/react-query";

import { token } from "../../api/token";
import type { State } from "./health";
import { pulseOf, samplesOf } from "./metrics";
import { of, type Service } from "./services";

const OFTEN = { refetchInterval: 5000, retry: false } as const;

async function ask(service: Service, path: string): Promise<Response> {
  const shown = token.get();
  const headers = shown ? { Authorization: `Bearer ${shown}` } : undefined;
  return fetch(`/api/${service}/${path}`, { headers });
}

/** Whether one service is ready, what waits in it, and what it measures of itself; whoever asks shares the answers. */
export function usePulse(service: Service) {
  const ready = useQuery({
    queryKey: ["readyz", service],
    queryFn: async () => (await ask(service, "readyz")).ok,
    ...OFTEN,
  });
  const outbox = useQuery({
    queryKey: ["outbox", service],
    queryFn: async () => (await of(service).GET("/v1/outbox")).data!,
    ...OFTEN,
  });
  const measured = useQuery({
    queryKey: ["metrics", service],
    queryFn: async () => {
      const answer = await ask(service, "metrics");
      return answer.ok ? pulseOf(samplesOf(await answer.text())) : null;
    },
    ...OFTEN,
  });
  const known = ready.data !== undefined && ready.error === null;
  const state: State = known ? (ready.data ? "ready" : "notReady") : ready.isPending ? "asked" : "away";
  return { state, outbox: seen(outbox), measured: seen(measured) };
}

/** Returns what was answered, if once; null: it cannot be asked. */
function seen<Data>({ data, isError }: { data: Data | undefined; isError: boolean }): Data | null | undefined {
  return data === undefined && isError ? null : data;
}
