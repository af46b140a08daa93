import { useTranslation } from "react-i18next";

import { catalog } from "../../api/client";
import type { components } from "../../api/types/catalog";
import { List } from "../../ui/List";
import { Time } from "../../ui/Time";
import { usePages } from "../../ui/usePages";
import { useSay } from "../../ui/useSay";
import { MAILINGS } from "./api";
import { fieldInWords } from "./fieldWords";
import "../form/words";

type Happened = components["schemas"]["MailingEventView"];
type Change = components["schemas"]["FieldChange"];

/** What has happened to a mailing, the newest first, and what each event changed of it. */
export function History({ mailingId }: { mailingId: string }) {
  const { t } = useTranslation();
  const found = usePages([...MAILINGS, "events", mailingId], (cursor, signal) => {
    const params = { path: { mailing_id: mailingId }, query: { limit: 50, cursor } };
    return catalog.GET("/v1/mailings/{mailing_id}/events", { params, signal });
  });
  return (
    <List<Happened>
      found={found}
      label={t("tab.history")}
      head={["event", "at", "version", "changes"].map((each) => t(`history.${each}`))}
      row={(each) => <Row key={each.version} event={each} />}
      empty={<p>{t("history.none")}</p>}
    />
  );
}

function Row({ event }: { event: Happened }) {
  const { t, i18n } = useTranslation();
  const known = `history.events.${event.type}`;
  const reason = `missed.${event.reason}`;
  return (
    <tr data-event={event.type}>
      <th scope="row" className="fw-normal">
        {i18n.exists(known) ? t(known) : event.type}
        <By event={event} />
        {event.nominal && event.nominal !== "once" && <span className="d-block small">{event.nominal}</span>}
        {event.reason && (
          <span className="d-block small">{i18n.exists(reason) ? t(reason) : event.reason}</span>
        )}
      </th>
      <td data-label={t("history.at")}>
        <Time at={event.recorded_at} precision="second" />
      </td>
      <td className="tabular" data-label={t("history.version")}>
        {event.version}
      </td>
      <td data-label={t("history.changes")}>{event.changes.length > 0 && <Changes of={event.changes} />}</td>
    </tr>
  );
}

/** Who did it, where that is known. */
function By({ event: { by, causation_id: cause } }: { event: Happened }) {
  const { t } = useTranslation();
  const who = by ?? (cause ? t("history.platform") : null);
  return who && <span className="d-block small text-body-secondary">{t("history.by", { name: who })}</span>;
}

function Changes({ of }: { of: readonly Change[] }) {
  const { t, i18n } = useTranslation();
  const say = useSay();
  const name = (field: string) => (i18n.exists(`bodyField.${field}`) ? t(`bodyField.${field}`) : field);
  return (
    <dl className="facts">
      {of.map(({ field, before, after }) => (
        <div key={field} className="fact">
          <dt>{name(field)}</dt>
          <dd>
            {before !== null && (
              <>
                <del>{fieldInWords(field, before, say)}</del>{" "}
                <span aria-hidden="true">→ </span>
              </>
            )}
            <ins className="text-decoration-none">{fieldInWords(field, after, say) || t("screen.none")}</ins>
          </dd>
        </div>
      ))}
    </dl>
  );
}
