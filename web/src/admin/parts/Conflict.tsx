import { Button, Modal } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import type { Difference } from "./changes";

interface Props {
  differences: readonly Difference[];
  label: (field: string) => string;
  onTheirs: () => void;
  onMine: () => void;
  onCancel: () => void;
}

/** What two people have changed at the same time, field by field; nothing is decided for them. */
export function Conflict({ differences, label, onTheirs, onMine, onCancel }: Props) {
  const { t } = useTranslation();
  return (
    <Modal show centered size="lg" onHide={onCancel} aria-labelledby="conflict-title">
      <Modal.Header>
        <Modal.Title as="h2" className="h5" id="conflict-title">
          {t("parts.conflict.title")}
        </Modal.Title>
      </Modal.Header>
      <Modal.Body>
        <p>{t("parts.conflict.help")}</p>
        <table className="table mb-0">
          <thead>
            <tr>
              <th scope="col">{t("parts.conflict.field")}</th>
              <th scope="col">{t("parts.conflict.mine")}</th>
              <th scope="col">{t("parts.conflict.theirs")}</th>
            </tr>
          </thead>
          <tbody>
            {differences.map((each) => (
              <tr key={each.field}>
                <th scope="row">{label(each.field)}</th>
                <td className="text-break">{each.mine || t("parts.none")}</td>
                <td className="text-break">{each.theirs || t("parts.none")}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Modal.Body>
      <Modal.Footer>
        <Button variant="outline-secondary" onClick={onCancel}>
          {t("parts.cancel")}
        </Button>
        <Button variant="outline-primary" onClick={onTheirs}>
          {t("parts.conflict.takeTheirs")}
        </Button>
        <Button onClick={onMine}>{t("parts.conflict.applyMine")}</Button>
      </Modal.Footer>
    </Modal>
  );
}
