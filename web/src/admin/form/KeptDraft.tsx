import { useEffect, useState } from "react";
import { Alert, Button } from "react-bootstrap";
import { useFormContext, useWatch } from "react-hook-form";
import { useTranslation } from "react-i18next";

import { Leaving } from "../../ui/Leaving";
import { Time } from "../../ui/Time";
import { differs, draft } from "./draft";
import type { Values } from "./values";

interface Props {
  which: string;
  before: Values; // what the form began with
  isBusy: boolean; // it is being saved
  isSaved: boolean;
}

/** Offers what was typed before a reload, keeps what is typed now, and asks before it is left. */
export function KeptDraft({ which, before, isBusy, isSaved }: Props) {
  const { t } = useTranslation();
  const { control, reset } = useFormContext<Values>();
  const values = useWatch({ control }) as Values;
  const [offered, setOffered] = useState(() => draft.read(which));
  const isDirty = differs(values, before);
  useEffect(() => {
    if (isSaved) draft.forget(which);
    else if (isDirty || !offered) draft.keep(which, values, before);
  }, [which, values, before, isDirty, isSaved, offered]);
  const leaving = <Leaving isDirty={isDirty && !isBusy && !isSaved} onGo={() => draft.forget(which)} />;
  if (!offered) return leaving;
  return (
    <>
      <Alert variant="info" className="d-flex flex-wrap align-items-center gap-2" data-draft>
        <span className="me-auto">
          {t("draft.found")} <Time at={offered.at} />
        </span>
        <Button
          size="sm"
          onClick={() => {
            reset({ ...before, ...offered.values }, { keepDefaultValues: true });
            setOffered(null);
          }}
        >
          {t("draft.take")}
        </Button>
        <Button size="sm" variant="outline-secondary" onClick={() => setOffered(null)}>
          {t("draft.discard")}
        </Button>
      </Alert>
      {leaving}
    </>
  );
}
