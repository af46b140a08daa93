import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { Button, Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import type { components } from "../../api/types/catalog";
import { List } from "../../ui/List";
import { ListScreen } from "../../ui/ListScreen";
import { Time } from "../../ui/Time";
import { usePages } from "../../ui/usePages";
import { Decide } from "./Decide";
import { of, type Service, SERVICES } from "./services";
import "./words";

type Letter = components["schemas"]["DeadLetterView"];
type Refused = components["schemas"]["UnpublishedView"];
export type Kind = "letters" | "refused";

/** Something that was set aside, as both kinds have it. */
export interface Item {
  kind: Kind;
  service: Service;
  key: string | null;
  at: string;
  facts: [string, string][];
  reason: string;
  isHeld: boolean;
  isRequested: boolean;
}

const route = getRouteApi("/operations/set-aside");
const EVERY_MS = 5000;

/** What could not be consumed or published, of one service; it waits for a decision. */
export function SetAside() {
  const { t } = useTranslation();
  const { service = "catalog", kind = "letters" } = route.useSearch();
  const go = route.useNavigate();
  const [decided, setDecided] = useState<Item | "all">();
  const found = usePages(
    ["set-aside", service, kind],
    async (cursor, signal) => {
      const params = { query: { limit: 100, cursor } };
      const { data } =
        kind === "letters"
          ? await of(service).GET("/v1/dead-letters", { params, signal })
          : await of(service).GET("/v1/outbox/unpublished", { params, signal });
      const items = data!.items.map((each) => itemOf(service, each));
      return { data: { items, next_cursor: data!.next_cursor } };
    },
    EVERY_MS,
  );
  const isEmpty = found.data?.pages.every((page) => page.items.length === 0) ?? true;
  return (
    <ListScreen
      title={t("setAside.title")}
      help={t(`setAside.help.${kind}`)}
      actions={
        !isEmpty && (
          <Button variant="outline-primary" onClick={() => setDecided("all")}>
            {t("setAside.decideAll")}
          </Button>
        )
      }
    >
      <Form className="filters" onSubmit={(event) => event.preventDefault()}>
        <Form.Group controlId="aside-service">
          <Form.Label>{t("setAside.service")}</Form.Label>
          <Form.Select
            value={service}
            onChange={({ target }) => void go({ search: { service: target.value as Service, kind } })}
          >
            {SERVICES.map((each) => (
              <option key={each} value={each}>
                {t(`operations.services.${each}`)}
              </option>
            ))}
          </Form.Select>
        </Form.Group>
        <Form.Group controlId="aside-kind" className="wide">
          <Form.Label>{t("setAside.kind")}</Form.Label>
          <Form.Select
            value={kind}
            onChange={({ target }) => void go({ search: { service, kind: target.value as Kind } })}
          >
            {(["letters", "refused"] as const).map((each) => (
              <option key={each} value={each}>
                {t(`setAside.kinds.${each}`)}
              </option>
            ))}
          </Form.Select>
        </Form.Group>
      </Form>
      <List<Item>
        found={found}
        label={t(`setAside.kinds.${kind}`)}
        head={["where", "at", "mailing", "reason", "state", "actions"].map((each) => t(`setAside.${each}`))}
        row={(each) => <Row key={each.facts.join()} item={each} onDecide={() => setDecided(each)} />}
        empty={<p>{t("setAside.none")}</p>}
      />
      <p>
        <Link to="/operations">{t("operations.title")}</Link>
      </p>
      {decided && (
        <Decide
          service={service}
          kind={kind}
          item={decided === "all" ? null : decided}
          onDone={() => {
            setDecided(undefined);
            void found.refetch();
          }}
          onClose={() => setDecided(undefined)}
        />
      )}
    </ListScreen>
  );
}

function itemOf(service: Service, each: Letter | Refused): Item {
  const common = {
    service,
    key: each.key,
    at: each.recorded_at,
    reason: each.reason,
    isHeld: each.is_held,
    isRequested: each.is_requested,
  };
  if (!("consumer" in each)) return { ...common, kind: "refused", facts: [["topic", each.topic ?? "–"]] };
  const facts: [string, string][] = [
    ["consumer", each.consumer],
    ["topic", each.topic],
    ["record", `${each.partition}:${each.offset}`],
  ];
  return { ...common, kind: "letters", facts };
}

function Row({ item, onDecide }: { item: Item; onDecide: () => void }) {
  const { t } = useTranslation();
  const state = item.isRequested ? "requested" : item.isHeld ? "held" : "waits";
  return (
    <tr>
      <th scope="row" className="fw-normal text-break">
        {item.facts.map(([, value]) => value).join(" · ")}
      </th>
      <td data-label={t("setAside.at")}>
        <Time at={item.at} precision="second" />
      </td>
      <td data-label={t("setAside.mailing")}>
        {item.key && (
          <Link to="/mailings/$id" params={{ id: item.key }} search={{ tab: "history" }}>
            <code className="text-break">{item.key}</code>
          </Link>
        )}
      </td>
      <td className="text-break" data-label={t("setAside.reason")}>
        {item.reason}
      </td>
      <td data-label={t("setAside.state")}>{t(`setAside.states.${state}`)}</td>
      <td>
        <Button size="sm" variant="outline-secondary" onClick={onDecide}>
          {t("setAside.decide")}
        </Button>
      </td>
    </tr>
  );
}
