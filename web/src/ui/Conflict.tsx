import { Button, Modal } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import type { Difference } from "./changes";

interface Props {
  now: string; // what it is now, for somebody has changed it
  differences: readonly Difference[];
  label: (field: string) => string;
  onTheirs: () => void;
  onMine: () => void;
  onClose: () => void;
}

/** What two people have changed at the same time, field by field; nothing is decided for them. */
export function Conflict({ now, differences, label, onTheirs, onMine, onClose }: Props) {
  const { t } = useTranslation();
  const value = (of: string | null) => (of === null ? <em>{t("conflict.unchanged")}</em> : of || "–");
  return (
    <Modal show centered size="lg" onHide={onClose} aria-labelledby="conflict-title">
      <Modal.Header closeButton closeLabel={t("close")}>
        <Modal.Title as="h2" className="h5" id="conflict-title">
          {t("conflict.title")}
        </Modal.Title>
      </Modal.Header>
      <Modal.Body>
        <p>
          {now} {t("conflict.help")}
        </p>
        {differences.length > 0 && (
          <table className="table conflict-table mb-0">
            <thead>
              <tr>
                <th scope="col">{t("conflict.field")}</th>
                <th scope="col">{t("conflict.mine")}</th>
                <th scope="col">{t("conflict.theirs")}</th>
              </tr>
            </thead>
            <tbody>
              {differences.map((each) => (
                <tr key={each.field} data-field={each.field}>
                  <th scope="row">{label(each.field)}</th>
                  <td className="text-break">{value(each.mine)}</td>
                  <td className="text-break">{value(each.theirs)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Modal.Body>
      <Modal.Footer>
        <Button variant="outline-secondary" onClick={onClose}>
          {t("conflict.back")}
        </Button>
        <Button variant="outline-primary" onClick={onTheirs}>
          {t("conflict.takeTheirs")}
        </Button>
        <Button onClick={onMine}>{t("conflict.applyMine")}</Button>
      </Modal.Footer>
    </Modal>
  );
}
