import { useState } from "react";
import { Button } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { AddSuppression } from "../suppressions/AddSuppression";
import { SuppressionList } from "../suppressions/SuppressionList";
import type { ClientView } from "./profile";

/** What a client does not want, by itself or by one of its contacts. */
export function ClientSuppressions({ client }: { client: ClientView }) {
  const { t } = useTranslation();
  const [isAdding, setAdding] = useState(false);
  const { client_id, phone, email } = client;
  const asked = { client_id, phone: phone ?? undefined, email: email ?? undefined };
  return (
    <section className="panel">
      <div className="screen-head mb-2">
        <h2 className="fs-6 me-auto mb-0">{t("clients.suppression")}</h2>
        <Button size="sm" variant="outline-secondary" onClick={() => setAdding(true)}>
          {t("clients.suppress")}
        </Button>
      </div>
      <SuppressionList asked={asked} contacts={asked} empty={<p>{t("clients.notSuppressed")}</p>} />
      {isAdding && <AddSuppression known={client} onClose={() => setAdding(false)} />}
    </section>
  );
}
