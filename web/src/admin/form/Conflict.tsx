import { Button, Modal } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import type { Mailing } from "../mailings/api";
import { type Body, bodyOf, type Changes } from "./body";
import { conflicts } from "./conflicts";
import { valuesOf } from "./values";

/** Two have changed one mailing: what each wants, field by field, and the choice. */
export function Conflict({
  before,
  mine,
  theirs,
  onTheirs,
  onMine,
  onClose,
}: {
  before: Body;
  mine: Changes;
  theirs: Mailing;
  onTheirs: () => void;
  onMine: () => void;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const found = conflicts(before, mine, bodyOf(valuesOf(theirs)));
  return (
    <Modal show size="lg" centered onHide={onClose} aria-labelledby="conflict-title">
      <Modal.Header closeButton closeLabel={t("close")}>
        <Modal.Title as="h2" className="h5" id="conflict-title">
          {t("conflict.title")}
        </Modal.Title>
      </Modal.Header>
      <Modal.Body>
        <p>{t("conflict.help", { version: theirs.version, status: t(`status.${theirs.status}`) })}</p>
        {found.length > 0 && (
          <div className="table-responsive">
            <table className="table conflict-table">
              <thead>
                <tr>
                  <th scope="col">{t("conflict.field")}</th>
                  <th scope="col">{t("conflict.mine")}</th>
                  <th scope="col">{t("conflict.theirs")}</th>
                </tr>
              </thead>
              <tbody>
                {found.map((each) => (
                  <tr key={each.name} data-field={each.name}>
                    <th scope="row">{t(`bodyField.${each.name}`)}</th>
                    <td className="text-break">{each.mine ?? <em>{t("conflict.unchanged")}</em>}</td>
                    <td className="text-break">{each.theirs ?? <em>{t("conflict.unchanged")}</em>}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
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
