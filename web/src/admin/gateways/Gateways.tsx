import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { dispatcher } from "../../api/client";
import { number } from "../../ui/format";
import { language } from "../../words";
import { List } from "../../ui/List";
import { ListScreen } from "../../ui/ListScreen";
import { usePages } from "../../ui/usePages";
import { ConditionBadge } from "./ConditionBadge";
import { conditionOf, type GatewayView } from "./limits";
import { Answers, useTook } from "./Replicas";
import "./words";

/** All gateways with their state, which is asked for again every few seconds. */
export function Gateways() {
  const { t } = useTranslation();
  const took = useTook();
  const found = usePages(["gateways"], (_, signal) => dispatcher.GET("/v1/gateways", { signal }), 3000);
  return (
    <ListScreen title={t("gateways.title")}>
      <List<GatewayView>
        found={found}
        label={t("gateways.title")}
        head={["name", "kind", "condition", "in_flight", "free", "answers", "p95"].map((each) =>
          t(`gateways.${each}`),
        )}
        row={(each) => (
          <tr key={each.name}>
            <th scope="row" className="text-break">
              <Link to="/gateways/$name" params={{ name: each.name }}>
                {each.name}
              </Link>
            </th>
            <td data-label={t("gateways.kind")}>{each.kind}</td>
            <td>
              <ConditionBadge gateway={each} />
              <span className="d-block small text-body-secondary">
                {t(`gateways.brief.${conditionOf(each, new Date())}`)}
              </span>
            </td>
            <td className="tabular" data-label={t("gateways.in_flight")}>
              {number(each.together.in_flight, language())}
            </td>
            <td className="tabular" data-label={t("gateways.free")}>
              {number(each.together.free, language())}
            </td>
            <td data-label={t("gateways.answers")}>
              <Answers of={each.together.answers} />
            </td>
            <td className="tabular" data-label={t("gateways.p95")}>
              {took(each.together.p95_s)}
            </td>
          </tr>
        )}
        empty={<p>{t("gateways.none")}</p>}
      />
      <p className="form-text">{t("gateways.allReplicas")}</p>
    </ListScreen>
  );
}
