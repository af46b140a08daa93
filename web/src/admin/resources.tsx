/** The screens beside the mailings, by address. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { texts } from "./addresses";
import { root } from "./root";

const clients = createRoute({
  getParentRoute: () => root,
  path: "/clients",
  validateSearch: (asked) => texts(asked, "phone", "operator_code", "tag"),
  component: lazyRouteComponent(() => import("./clients/Clients"), "Clients"),
});

const newClient = createRoute({
  getParentRoute: () => root,
  path: "/clients/new",
  component: lazyRouteComponent(() => import("./clients/NewClient"), "NewClient"),
});

const client = createRoute({
  getParentRoute: () => root,
  path: "/clients/$clientId",
  component: lazyRouteComponent(() => import("./clients/ClientScreen"), "ClientScreen"),
});

const suppressions = createRoute({
  getParentRoute: () => root,
  path: "/suppressions",
  validateSearch: (asked) => texts(asked, "whom", "topic", "reason"),
  component: lazyRouteComponent(() => import("./suppressions/Suppressions"), "Suppressions"),
});

export const resources = [clients, newClient, client, suppressions] as const;
