/** What the screens of mailings ask the services. Keys name the service: some paths are of several. */
import { queryOptions } from "@tanstack/react-query";

import { catalog, dispatcher, scheduler, stats } from "../../api/client";
import { Problem } from "../../api/problem";
import type { components as Catalog } from "../../api/types/catalog";
import type { components as Dispatcher } from "../../api/types/dispatcher";
import type { components as Scheduler } from "../../api/types/scheduler";
import type { components as Stats } from "../../api/types/stats";
import type { ListSearch } from "./search";

export type Mailing = Catalog["schemas"]["MailingView"];
export type MailingStatus = Catalog["schemas"]["MailingStatus"];
export type Run = Dispatcher["schemas"]["RunView"];
export type Figures = Stats["schemas"]["MailingView"];
export type RunFigures = Stats["schemas"]["RunStats"];
export type Why = Dispatcher["schemas"]["WhyView"];
export type Message = Dispatcher["schemas"]["MessageView"];
export type MessageState = Dispatcher["schemas"]["State"];
export type Reason = Dispatcher["schemas"]["ReasonView"];
export type Schedule = Scheduler["schemas"]["ScheduleView"];
export type Recurrence = Catalog["schemas"]["RecurrenceView"];

/** To whom a mailing goes, and through what. */
export const audienceOf = ({ gateway, filter, audience_id: audience }: Mailing) => ({ gateway, filter, audience });

export const MAILINGS = ["catalog", "mailings"] as const;
const REFRESHED_MS = 3_000;

/** A page of mailings, the newest first. */
export async function mailingsPage(asked: ListSearch, cursor: string | undefined) {
  const query = { limit: 100, ...asked, cursor };
  const { data } = await catalog.GET("/v1/mailings", { params: { query } });
  return data!;
}

export const mailing = (id: string) =>
  queryOptions({
    queryKey: [...MAILINGS, "one", id],
    queryFn: async () =>
      (await catalog.GET("/v1/mailings/{mailing_id}", { params: { path: { mailing_id: id } } }))
        .data!,
    refetchInterval: ({ state }) => (Problem.of(state.error).isGone ? false : REFRESHED_MS),
  });

/** Whether figures change no more. */
export const isOver = (status: string | undefined) => status === "finished" || status === "stopped";

export const figures = (id: string, status: string | undefined) =>
  queryOptions({
    queryKey: ["stats", "mailing", id],
    queryFn: async () =>
      (await stats.GET("/v1/mailings/{mailing_id}", { params: { path: { mailing_id: id } } })).data!,
    refetchInterval: isOver(status) ? 5 * REFRESHED_MS : REFRESHED_MS,
    retry: false, // what has not begun has no figures yet
  });

export const runs = (id: string) =>
  queryOptions({
    queryKey: ["dispatcher", "runs", id],
    queryFn: async () => {
      const query = { mailing_id: id, limit: 100 };
      return (await dispatcher.GET("/v1/runs", { params: { query } })).data!.items;
    },
    refetchInterval: REFRESHED_MS,
  });

export const WHY = ["dispatcher", "why"] as const;

export const why = (runId: string) =>
  queryOptions({
    queryKey: [...WHY, runId],
    queryFn: async () =>
      (await dispatcher.GET("/v1/runs/{run_id}/why", { params: { path: { run_id: runId } } })).data!,
    refetchInterval: REFRESHED_MS,
  });

export const schedule = (id: string) =>
  queryOptions({
    queryKey: ["scheduler", "schedule", id],
    queryFn: async () =>
      (await scheduler.GET("/v1/schedules/{mailing_id}", { params: { path: { mailing_id: id } } }))
        .data!,
    retry: false,
    refetchInterval: 5 * REFRESHED_MS,
  });

export const gateways = queryOptions({
  queryKey: ["catalog", "gateways"],
  queryFn: async () => (await catalog.GET("/v1/gateways")).data!.items,
  staleTime: 30_000,
});

export const reasons = (runId: string) =>
  queryOptions({
    queryKey: ["dispatcher", "reasons", runId],
    queryFn: async () => {
      const path = { run_id: runId };
      return (await dispatcher.GET("/v1/runs/{run_id}/reasons", { params: { path } })).data!;
    },
    refetchInterval: 2 * REFRESHED_MS,
  });

/** A page of a run's messages. */
export async function messagesPage(
  runId: string,
  status: MessageState | undefined,
  clientId: string | undefined,
  cursor: string | undefined,
  limit = 50,
) {
  const query = {
    run_id: runId,
    limit,
    ...(status ? { status } : {}),
    ...(clientId ? { client_id: clientId } : {}),
    ...(cursor ? { cursor } : {}),
  };
  const { data } = await dispatcher.GET("/v1/messages", { params: { query } });
  return data!;
}

export const tag = (version: number) => `"${version}"`;

/** Changes what is named of a mailing, if it is still of the version that was seen. */
export async function change(id: string, version: number, body: Catalog["schemas"]["MailingChanges"]) {
  const params = { path: { mailing_id: id }, header: { "If-Match": tag(version) } };
  return (await catalog.PATCH("/v1/mailings/{mailing_id}", { params, body })).data!;
}

export type Verb = "start" | "run" | "pause" | "resume" | "stop" | "delete";

/** Carries out a verb on the version that was seen; what was changed meanwhile is a 412. */
export async function carryOut(verb: Verb, id: string, version: number): Promise<void> {
  const params = { path: { mailing_id: id }, header: { "If-Match": tag(version) } };
  switch (verb) {
    case "start":
      await catalog.POST("/v1/mailings/{mailing_id}/start", { params });
      return;
    case "run":
      await catalog.POST("/v1/mailings/{mailing_id}/runs", { params });
      return;
    case "pause":
      await catalog.POST("/v1/mailings/{mailing_id}/pause", { params });
      return;
    case "resume":
      await catalog.POST("/v1/mailings/{mailing_id}/resume", { params });
      return;
    case "stop":
      await catalog.POST("/v1/mailings/{mailing_id}/stop", { params });
      return;
    case "delete":
      await catalog.DELETE("/v1/mailings/{mailing_id}", { params });
  }
}
