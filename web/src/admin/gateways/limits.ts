/** How fast a gateway is used: what may be changed while it sends, and makes no new version of what arrives. */
import type { components } from "../../api/types/dispatcher";
import { nearlyAllFail } from "../../ui/failing";

export type GatewayView = components["schemas"]["GatewayView"];

export const NUMBERS = ["rate", "burst", "max_connections", "timeout_s", "connect_timeout_s"] as const;
export type Limit = (typeof NUMBERS)[number];
export type Draft = Record<Limit, string> & { resends_unknown: boolean };

/** What the API takes where nothing is said. Source: the descriptions in docs/openapi/dispatcher.json. */
const DEFAULTS: Record<string, Partial<Record<Limit, number>>> = {
  http: { max_connections: 64, timeout_s: 5, connect_timeout_s: 2 },
  smtp: { max_connections: 16, timeout_s: 10, connect_timeout_s: 2 },
  log: { max_connections: 64, timeout_s: 5, connect_timeout_s: 2 },
};

export function defaultOf(kind: string, limit: Limit): number | undefined {
  return DEFAULTS[kind]?.[limit];
}

export function draftOf(gateway: GatewayView): Draft {
  const said = gateway.description;
  const text = (name: Limit) => (typeof said[name] === "number" ? String(said[name]) : "");
  return {
    rate: text("rate"),
    burst: text("burst"),
    max_connections: text("max_connections"),
    timeout_s: text("timeout_s"),
    connect_timeout_s: text("connect_timeout_s"),
    resends_unknown: said["resends_unknown"] !== false,
  };
}

/** Returns the whole description with other limits; an empty one is the default again. */
export function described(gateway: GatewayView, draft: Draft): Record<string, unknown> {
  const all: Record<string, unknown> = { ...gateway.description };
  for (const name of NUMBERS) {
    const text = draft[name].trim().replace(",", ".");
    if (!text) delete all[name];
    else all[name] = Number.isNaN(Number(text)) ? text : Number(text); // the API says what is no number
  }
  if (draft.resends_unknown) delete all["resends_unknown"];
  else all["resends_unknown"] = false;
  return all;
}

export type Condition = "good" | "partly" | "paused" | "misconfigured" | "open" | "half_open" | "throttled" | "refusing";

/** Returns what is to be known of a gateway first. */
export function conditionOf(gateway: GatewayView, now: Date): Condition {
  if (gateway.is_paused) return "paused";
  const sends = gateway.replicas.some((each) => !each.is_stale);
  if (gateway.problem !== null && !sends) return "misconfigured";
  if (gateway.breaker !== "closed") return gateway.breaker;
  if (gateway.waits_until !== null && new Date(gateway.waits_until) > now) return "throttled";
  if (areRefused(gateway.together.answers)) return "refusing";
  return gateway.problem === null ? "good" : "partly";
}

/** Returns whether nearly all answers of the last minutes are none that accept. */
function areRefused({ accepted, refused, not_processed, unknown }: GatewayView["together"]["answers"]): boolean {
  const failed = refused + not_processed + unknown;
  return nearlyAllFail(failed, accepted + failed);
}
