/** The screens by address; each is loaded when it is first asked for. */
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";

import { listSearch, oneSearch } from "./mailings/search";
import { NotFound } from "./NotFound";
import { Shell } from "./Shell";

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const start = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/mailings" });
  },
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
  validateSearch: (given): { copy?: string | undefined } => ({
    copy: typeof given["copy"] === "string" ? given["copy"] : undefined,
  }),
  component: lazyRouteComponent(() => import("./form/NewMailing"), "NewMailing"),
});

const editMailing = createRoute({
  getParentRoute: () => root,
  path: "/mailings/$id/edit",
  component: lazyRouteComponent(() => import("./form/EditMailing"), "EditMailing"),
});

export const router = createRouter({
  routeTree: root.addChildren([start, mailings, newMailing, mailing, editMailing]),
  defaultPreload: "intent",
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
