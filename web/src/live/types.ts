/** What `/public/v1` says of mailings; see docs/openapi/stats.json. */

export const STATES = [
  "delivered",
  "failed",
  "expired",
  "cancelled",
  "undetermined",
  "suppressed",
  "retry",
  "planned",
] as const;
export type State = (typeof STATES)[number];

export const STATUSES = ["running", "planned", "paused", "finished", "stopped", "missed"] as const;
export type Status = (typeof STATUSES)[number];

export interface Live {
  mailing_id: string;
  name: string | null;
  status: Status;
  created_at: string | null;
  starts_at: string | null;
  ends_at: string | null;
  is_recurring: boolean;
  next_at: string | null;
  run: { number: number; nominal: string | null };
  planned: number;
  attempts: number;
  by_status: Record<State, number>;
  recipients?: { clients: number; by_status: Record<State, number> } | null; // none: no message was sent again
  rate_per_s: number | null;
  done_at: string | null;
  will_expire: number | null;
}

export interface Run {
  run_id: string;
  nominal: string | null;
  began_at: string | null;
  missed_at: string | null;
  missed_reason: string | null;
  finished_at: string | null;
  planned: number;
  attempts: number;
  by_status: Record<State, number>;
}

export interface Totals {
  running: number;
  paused?: number; // none: of an older release
  planned: number;
  delivered: number;
  rate_per_s: number;
}

export interface Freshness {
  as_of: string | null;
  lag_s: number | null;
}

export interface Snapshot extends Freshness {
  totals: Totals;
  mailings: Live[];
}

export interface Delta extends Freshness {
  totals: Totals;
  changed: Live[];
  gone: string[];
}

export interface LivePage extends Freshness {
  items: Live[];
  next_cursor: string | null;
}

/** How many messages are in a final state. */
export function done(mailing: Pick<Live, "planned" | "by_status">): number {
  return mailing.planned - mailing.by_status.planned - mailing.by_status.retry;
}

export type Counts = Pick<Live, "planned" | "by_status">;

/** What the progress of a mailing counts: messages, or clients where some were sent again, each once by the best. */
export function counted({ recipients, planned, by_status }: Counts & Pick<Live, "recipients">): Counts {
  return recipients ? { planned: recipients.clients, by_status: recipients.by_status } : { planned, by_status };
}
