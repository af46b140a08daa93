/** The four services behind the admin door, with the types of their documents. */
import createClient, { type Client, type Middleware } from "openapi-fetch";
import createHooks from "openapi-react-query";

import { Problem } from "./problem";
import { token } from "./token";
import type { paths as CatalogPaths } from "./types/catalog";
import type { paths as DispatcherPaths } from "./types/dispatcher";
import type { paths as SchedulerPaths } from "./types/scheduler";
import type { paths as StatsPaths } from "./types/stats";

const everyRequest: Middleware = {
  onRequest({ request }) {
    const shown = token.get();
    if (shown) request.headers.set("Authorization", `Bearer ${shown}`);
    return request;
  },
  async onResponse({ response }) {
    if (response.ok || response.status === 304) return undefined;
    if (response.status === 401) token.ask();
    const body: unknown = await response.json().catch(() => null);
    throw Object.assign(Problem.read(response.status, body), { body });
  },
};

function client<Paths extends object>(service: string): Client<Paths> {
  // the `fetch` of the moment: a test may have replaced it
  const made = createClient<Paths>({ baseUrl: `/api/${service}`, fetch: (r) => fetch(r) });
  made.use(everyRequest);
  return made;
}

export const catalog = client<CatalogPaths>("catalog");
export const scheduler = client<SchedulerPaths>("scheduler");
export const dispatcher = client<DispatcherPaths>("dispatcher");
export const stats = client<StatsPaths>("stats");

/** Hooks know a question by its method and path, which services share: the service is added to it. */
function hooks<Paths extends object>(service: string, of: Client<Paths>) {
  const made = createHooks(of);
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a function's parameters may be anything
  const own = <Hook extends (...given: any[]) => unknown>(hook: Hook): Hook =>
    ((method: unknown, path: unknown, init: object = {}, ...rest: unknown[]) =>
      hook(method, path, { ...init, service }, ...rest)) as Hook;
  return { ...made, useQuery: own(made.useQuery), queryOptions: own(made.queryOptions) };
}

/** The same as hooks of TanStack Query: `$catalog.useQuery("get", "/v1/mailings")`. */
export const $catalog = hooks("catalog", catalog);
export const $scheduler = hooks("scheduler", scheduler);
export const $dispatcher = hooks("dispatcher", dispatcher);
export const $stats = hooks("stats", stats);
