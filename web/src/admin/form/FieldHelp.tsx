import { useTranslation } from "react-i18next";

import type { FieldProblem } from "../../api/problem";
import { rangeOf } from "../../ui/useProblemText";

const PLACE = /^line (\d+), column (\d+)/; // of a mistake in a text with variables

/** What stands below a field: why it was refused, in the reader's words, or what belongs there. */
export function FieldHelp({ id, error, help }: { id: string; error?: FieldProblem | undefined; help?: string }) {
  const words = useRefusal();
  if (error) {
    return (
      <div id={id} className="invalid-feedback d-block" data-code={error.code}>
        {words(error)}
      </div>
    );
  }
  if (!help) return null;
  return (
    <div id={id} className="form-text">
      {help}
    </div>
  );
}

/** A refusal in the reader's language; what the services refuse otherwise stands as they say it. */
export function useRefusal(): (error: FieldProblem) => string {
  const { t, i18n } = useTranslation();
  return (error) => {
    const known = `refusal.${error.code.replaceAll("_", "-")}`; // in words _many is a plural
    const [, line, column] = PLACE.exec(error.detail) ?? [];
    const values = { detail: error.detail, range: rangeOf(error.limits), line, column };
    return i18n.exists(known) ? t(known, values) : error.detail || error.code;
  };
}
