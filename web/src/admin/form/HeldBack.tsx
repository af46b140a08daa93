import { Alert, Button } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { fieldOf, type Problem } from "../../api/problem";

/** Returns the fields that a refusal says cannot change any more, as the request names them. */
export function heldBack(problem: Problem): string[] {
  const late = problem.errors.filter((each) => each.code === "already_running");
  return [...new Set(late.map((each) => fieldOf(each.pointer).split(".")[0] ?? ""))];
}

/** Which changes came too late; the others can still be saved. */
export function HeldBack({ fields, onRest }: { fields: readonly string[]; onRest: (() => void) | null }) {
  const { t } = useTranslation();
  const names = fields.map((each) => t(`bodyField.${each}`)).join(", ");
  return (
    <Alert variant="warning" className="d-flex flex-wrap align-items-center gap-2" data-held-back>
      <span className="me-auto">{t("heldBack.fields", { names })}</span>
      {onRest && (
        <Button size="sm" onClick={onRest}>
          {t("heldBack.rest")}
        </Button>
      )}
    </Alert>
  );
}
