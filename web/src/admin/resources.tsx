/** The screens beside the mailings, by address. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { listed, texts } from "./addresses";
import { type Service, SERVICES } from "./operations/services";
import { root } from "./root";

const clients = createRoute({
  getParentRoute: () => root,
  path: "/clients",
  validateSearch: (asked): { q?: string; operator_code?: string; tag?: string[] } => ({
    ...texts(asked, "q", "operator_code"),
    ...(listed(asked, "tag") && { tag: listed(asked, "tag") }),
  }),
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
  validateSearch: (asked) => texts(asked, "message"),
  component: lazyRouteComponent(() => import("./clients/ClientScreen"), "ClientScreen"),
});

const imports = createRoute({
  getParentRoute: () => root,
  path: "/imports",
  component: lazyRouteComponent(() => import("./imports/Imports"), "Imports"),
});

const newImport = createRoute({
  getParentRoute: () => root,
  path: "/imports/new",
  component: lazyRouteComponent(() => import("./imports/NewImport"), "NewImport"),
});

const oneImport = createRoute({
  getParentRoute: () => root,
  path: "/imports/$importId",
  component: lazyRouteComponent(() => import("./imports/ImportScreen"), "ImportScreen"),
});

const audiences = createRoute({
  getParentRoute: () => root,
  path: "/audiences",
  validateSearch: (asked) => texts(asked, "name"),
  component: lazyRouteComponent(() => import("./audiences/Audiences"), "Audiences"),
});

const newAudience = createRoute({
  getParentRoute: () => root,
  path: "/audiences/new",
  component: lazyRouteComponent(() => import("./audiences/NewAudience"), "NewAudience"),
});

const audience = createRoute({
  getParentRoute: () => root,
  path: "/audiences/$audienceId",
  component: lazyRouteComponent(() => import("./audiences/AudienceScreen"), "AudienceScreen"),
});

const gateways = createRoute({
  getParentRoute: () => root,
  path: "/gateways",
  component: lazyRouteComponent(() => import("./gateways/Gateways"), "Gateways"),
});

const gateway = createRoute({
  getParentRoute: () => root,
  path: "/gateways/$name",
  component: lazyRouteComponent(() => import("./gateways/GatewayScreen"), "GatewayScreen"),
});

const operations = createRoute({
  getParentRoute: () => root,
  path: "/operations",
  component: lazyRouteComponent(() => import("./operations/Operations"), "Operations"),
});

const setAside = createRoute({
  getParentRoute: () => root,
  path: "/operations/set-aside",
  validateSearch: (asked): { service?: Service; kind?: "letters" | "refused" } => ({
    service: SERVICES.find((each) => each === asked["service"]),
    kind: (["letters", "refused"] as const).find((each) => each === asked["kind"]),
  }),
  component: lazyRouteComponent(() => import("./operations/SetAside"), "SetAside"),
});

const settings = createRoute({
  getParentRoute: () => root,
  path: "/settings",
  component: lazyRouteComponent(() => import("./settings/Settings"), "Settings"),
});

const suppressions = createRoute({
  getParentRoute: () => root,
  path: "/suppressions",
  validateSearch: (asked) => texts(asked, "whom", "topic", "reason"),
  component: lazyRouteComponent(() => import("./suppressions/Suppressions"), "Suppressions"),
});

export const resources = [
  clients,
  newClient,
  client,
  imports,
  newImport,
  oneImport,
  audiences,
  newAudience,
  audience,
  gateways,
  gateway,
  operations,
  setAside,
  settings,
  suppressions,
] as const;
