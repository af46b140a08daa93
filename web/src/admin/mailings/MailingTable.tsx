import { Link } from "@tanstack/react-router";
import { Dropdown, Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { Bar } from "../../live/Bar";
import { useLive } from "../../live/hooks";
import { counted, type Live } from "../../live/types";
import { percent, rate } from "../../ui/format";
import { asItIsNow, statusOfMailing } from "../../ui/status";
import { StatusBadge } from "../../ui/StatusBadge";
import { Time } from "../../ui/Time";
import { language } from "../../words";
import type { Mailing } from "./api";
import { useGoTo, type useVerb } from "./useVerb";
import { isFinal, type Shown, verbsOf } from "./verbs";

interface Props {
  mailings: readonly Mailing[];
  chosen: ReadonlySet<string>;
  onChoose: (chosen: ReadonlySet<string>) => void;
  verb: ReturnType<typeof useVerb>;
}

export function MailingTable({ mailings, chosen, onChoose, verb }: Props) {
  const { t } = useTranslation();
  const live = useLive();
  const areAll = mailings.every((each) => chosen.has(each.mailing_id));
  const change = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    onChoose(next);
  };
  return (
    <table className="table table-hover align-middle mailings-table">
      <thead>
        <tr>
          <th scope="col">
            <Form.Check
              aria-label={t("mailings.chooseAll")}
              checked={areAll}
              onChange={() => onChoose(new Set(areAll ? [] : mailings.map((each) => each.mailing_id)))}
            />
          </th>
          <th scope="col">{t("mailings.name")}</th>
          <th scope="col">{t("mailings.status")}</th>
          <th scope="col">{t("mailings.window")}</th>
          <th scope="col">{t("mailings.done")}</th>
          <th scope="col" className="text-end">
            {t("mailings.rate")}
          </th>
          <th scope="col">
            <span className="visually-hidden">{t("mailings.actions")}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {mailings.map((found) => asItIsNow(found, live.mailings.get(found.mailing_id))).map((each) => (
          <tr key={each.mailing_id} data-mailing={each.mailing_id}>
            <td className="cell-check">
              <Form.Check
                aria-label={t("mailings.choose", { name: each.name })}
                checked={chosen.has(each.mailing_id)}
                onChange={() => change(each.mailing_id)}
              />
            </td>
            <th scope="row" className="cell-name">
              <Link to="/mailings/$id" params={{ id: each.mailing_id }}>
                {each.name}
              </Link>
              <span className="d-block small fw-normal text-body-secondary">{each.gateway}</span>
            </th>
            <td className="cell-status">
              <StatusBadge status={statusOfMailing(each, live.mailings.get(each.mailing_id)?.status !== "planned")} />
            </td>
            <td className="cell-window">
              <span className="text-nowrap">
                <Time at={each.starts_at} />
              </span>{" "}
              –{" "}
              <span className="text-nowrap">
                <Time at={each.ends_at} />
              </span>
              {each.schedule && <Recurs live={live.mailings.get(each.mailing_id)} />}
            </td>
            <Figures live={live.mailings.get(each.mailing_id)} isRunning={each.status === "running"} />
            <td className="cell-menu text-end">
              <Menu mailing={each} verb={verb} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Recurs({ live }: { live: Live | undefined }) {
  const { t } = useTranslation();
  return (
    <span className="d-block small">
      ↻ {t("mailings.recurs")}
      {live?.next_at && (
        <>
          , {t("mailings.next")} <Time at={live.next_at} />
        </>
      )}
    </span>
  );
}

function Figures({ live, isRunning }: { live: Live | undefined; isRunning: boolean }) {
  const { t } = useTranslation();
  if (!live || live.planned === 0) {
    return (
      <>
        <td className="cell-done">–</td>
        <td className="cell-rate" />
      </>
    );
  }
  const counts = counted(live);
  return (
    <>
      <td className="cell-done tabular">
        <span className="me-2">{t("progress", { percent: percent(counts.by_status.delivered, counts.planned, language()) })}</span>
        <Bar mailing={counts} />
      </td>
      <td className="cell-rate text-end tabular">
        {isRunning && live.status === "running" && live.rate_per_s !== null
          ? t("rate", { rate: rate(live.rate_per_s, language()) })
          : ""}
      </td>
    </>
  );
}

function Menu({ mailing, verb }: { mailing: Mailing; verb: Props["verb"] }) {
  const { t } = useTranslation();
  const goTo = useGoTo();
  const isBusy = verb.pending?.mailing.mailing_id === mailing.mailing_id;
  const pick = (wanted: Shown) =>
    wanted === "edit" || wanted === "copy" ? goTo(wanted, mailing.mailing_id) : verb.ask(wanted, mailing);
  return (
    <Dropdown align="end">
      <Dropdown.Toggle
        size="sm"
        variant="outline-secondary"
        disabled={isBusy}
        aria-label={t("mailings.menu", { name: mailing.name })}
      >
        ⋯
      </Dropdown.Toggle>
      <Dropdown.Menu>
        {verbsOf(mailing).map((each) => (
          <Dropdown.Item
            key={each}
            as="button"
            type="button"
            className={isFinal(each) ? "text-danger-emphasis" : ""}
            onClick={() => pick(each)}
          >
            {t(`verb.${each}`)}
          </Dropdown.Item>
        ))}
      </Dropdown.Menu>
    </Dropdown>
  );
}
