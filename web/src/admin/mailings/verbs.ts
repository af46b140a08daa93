/** Which verbs a mailing allows, by its status. */
import type { Mailing, Verb } from "./api";

export type Shown = Verb | "postpone" | "edit" | "copy";

const BY_STATUS: Readonly<Record<string, readonly Shown[]>> = {
  created: ["start", "postpone", "edit", "pause", "stop", "delete"],
  running: ["pause", "edit", "stop", "delete"],
  paused: ["resume", "edit", "stop", "delete"],
  stopped: ["copy", "delete"],
  finished: ["copy", "delete"],
};

/** Returns what can be done with a mailing; one that recurs is neither started nor postponed, but run once more. */
export function verbsOf(mailing: Pick<Mailing, "status" | "schedule">): readonly Shown[] {
  const verbs = BY_STATUS[mailing.status] ?? [];
  if (mailing.schedule === null) return verbs;
  const rest = verbs.filter((each) => each !== "start" && each !== "postpone");
  return mailing.status === "created" || mailing.status === "running" ? ["run", ...rest] : rest;
}

/** Verbs after which there is no way back: they are asked about, with their consequence. */
export function isFinal(verb: Shown): boolean {
  return verb === "stop" || verb === "delete";
}

/** Verbs that ask first: those without a way back, and those that write to clients at once. */
export function asksFirst(verb: Verb): boolean {
  return isFinal(verb) || sends(verb);
}

/** Verbs that begin to send. */
export function sends(verb: Verb): boolean {
  return verb === "start" || verb === "run";
}

/** Which verbs several mailings can be told at once. */
export const BULK = ["pause", "resume", "stop"] as const satisfies readonly Verb[];

/** Returns the mailings out of those chosen that a verb applies to. */
export function thatAllow<T extends Pick<Mailing, "status" | "schedule">>(
  verb: Verb,
  chosen: readonly T[],
): T[] {
  return chosen.filter((each) => verbsOf(each).includes(verb));
}
