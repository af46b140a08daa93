/** What the addresses of the screens say, read with care: anybody can type them. */
import type { MailingStatus, MessageState } from "./api";

export const STATUSES: readonly MailingStatus[] = ["created", "running", "paused", "finished", "stopped"];
export const MESSAGE_STATES: readonly MessageState[] = [
  "delivered",
  "failed",
  "expired",
  "cancelled",
  "undetermined",
  "suppressed",
  "retry",
  "planned",
];
export const TABS = ["runs", "messages", "reasons", "text", "history"] as const;
export type Tab = (typeof TABS)[number];

export interface ListSearch {
  status?: MailingStatus | undefined;
  gateway?: string | undefined;
  q?: string | undefined;
}

export interface OneSearch {
  tab?: Tab | undefined;
  run?: string | undefined;
  status?: MessageState | undefined;
  client?: string | undefined;
  message?: string | undefined;
}

function word(value: unknown): string | undefined {
  const text = typeof value === "number" ? String(value) : value;
  return typeof text === "string" && text ? text.slice(0, 200) : undefined;
}

function oneOf<T extends string>(all: readonly T[], value: unknown): T | undefined {
  return all.find((each) => each === value);
}

export function listSearch(given: Record<string, unknown>): ListSearch {
  return { status: oneOf(STATUSES, given["status"]), gateway: word(given["gateway"]), q: word(given["q"]) };
}

export function oneSearch(given: Record<string, unknown>): OneSearch {
  return {
    tab: oneOf(TABS, given["tab"]),
    run: word(given["run"]),
    status: oneOf(MESSAGE_STATES, given["status"]),
    client: word(given["client"]),
    message: word(given["message"]),
  };
}
