import { useTranslation } from "react-i18next";

import type { FieldProblem } from "../../api/problem";

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
    const known = `refusal.${error.code}`;
    return i18n.exists(known) ? t(known, { detail: error.detail }) : error.detail || error.code;
  };
}
