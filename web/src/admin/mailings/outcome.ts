/** What came of a verb for one of several mailings, which are not asked about one by one. */
import type { QueryClient } from "@tanstack/react-query";

import { Problem } from "../../api/problem";
import { carryOut, mailing as mailingQuery, type Mailing, type MailingStatus, type Verb } from "./api";
import { verbsOf } from "./verbs";

export interface Outcome {
  problem: Problem | null; // null: it is done
  status?: MailingStatus; // as which the mailing allows the verb no more
}

type Seen = Pick<Mailing, "mailing_id" | "version">;

/** Carries out a verb; of what was changed meanwhile only a pause is done all the same, which takes nothing away. */
export async function outcomeOf(queries: QueryClient, verb: Verb, { mailing_id: id, version }: Seen): Promise<Outcome> {
  const problem = await tried(verb, id, version);
  if (problem?.status !== 409 && problem?.status !== 412) return { problem };
  const now = await queries.fetchQuery({ ...mailingQuery(id), staleTime: 0 }).catch(() => null);
  if (now && !verbsOf(now).includes(verb)) return { problem, status: now.status };
  return { problem: now && verb === "pause" ? await tried(verb, id, now.version) : problem };
}

async function tried(verb: Verb, id: string, version: number): Promise<Problem | null> {
  return carryOut(verb, id, version).then(() => null, (error: unknown) => Problem.of(error));
}
