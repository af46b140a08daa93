/** The screens by address; each is loaded when it is first asked for. */
import { createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";

import { parse, stringify, texts } from "./addresses";
import { listSearch, oneSearch } from "./mailings/search";
import { resources } from "./resources";
import { root } from "./root";

const start = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: () => redirect({ to: "/mailings", throw: true }),
});

const mailings = createRoute({
  getParentRoute: () => root,
  path: "/mailings",
  validateSearch: listSearch,
  component: lazyRouteComponent(() => import("./mailings/Mailings"), "Mailings"),
});

const mailing = createRoute({
  getParentRoute: () => root,
  path: "/mailings/$id",
  validateSearch: oneSearch,
  component: lazyRouteComponent(() => import("./mailings/Mailing"), "Mailing"),
});

const newMailing = createRoute({
  getParentRoute: () => root,
  path: "/mailings/new",
  validateSearch: (given) => texts(given, "copy", "audience"),
  component: lazyRouteComponent(() => import("./form/NewMailing"), "NewMailing"),
});

const editMailing = createRoute({
  getParentRoute: () => root,
  path: "/mailings/$id/edit",
  component: lazyRouteComponent(() => import("./form/EditMailing"), "EditMailing"),
});

export const router = createRouter({
  routeTree: root.addChildren([start, mailings, newMailing, mailing, editMailing, ...resources]),
  defaultPreload: "intent",
  parseSearch: parse,
  stringifySearch: stringify,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
