import { useState } from "react";
import { Button, Table } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { $catalog } from "../../api/client";
import { ProblemPanel } from "../../ui/ProblemPanel";
import { Time } from "../../ui/Time";
import { useTitle } from "../useTitle";

/** All mailings, newest first, by pages. */
export function Mailings() {
  const { t } = useTranslation();
  useTitle(t("nav.mailings"));
  const [limit, setLimit] = useState(100);
  const found = $catalog.useQuery("get", "/v1/mailings", { params: { query: { limit } } });
  return (
    <>
      <h1 className="h4">{t("nav.mailings")}</h1>
      {found.error !== null && (
        <ProblemPanel error={found.error} again={() => void found.refetch()} />
      )}
      {found.isPending && <p role="status">{t("loading")}</p>}
      {found.data?.items.length === 0 && <p>{t("mailings.empty")}</p>}
      {found.data && found.data.items.length > 0 && (
        <Table responsive hover>
          <thead>
            <tr>
              <th scope="col">{t("mailings.name")}</th>
              <th scope="col">{t("mailings.status")}</th>
              <th scope="col">{t("mailings.window")}</th>
            </tr>
          </thead>
          <tbody>
            {found.data.items.map((each) => (
              <tr key={each.mailing_id}>
                <th scope="row">{each.name}</th>
                <td>{t(`status.${each.status}`)}</td>
                <td>
                  {each.starts_at && <Time at={each.starts_at} />} – <Time at={each.ends_at} />
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
      {found.data?.next_cursor && limit < 1000 && (
        <Button variant="outline-secondary" onClick={() => setLimit(Math.min(1000, limit + 100))}>
          {t("mailings.more")}
        </Button>
      )}
    </>
  );
}
