/** The screens by address; each is loaded when it is first asked for. */
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";

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
  component: lazyRouteComponent(() => import("./mailings/Mailings"), "Mailings"),
});

export const router = createRouter({
  routeTree: root.addChildren([start, mailings]),
  defaultPreload: "intent",
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
