import { useQuery } from "@tanstack/react-query";
import { useFormContext, useWatch } from "react-hook-form";
import { useTranslation } from "react-i18next";

import { TagOptions } from "../../ui/TagOptions";
import { audiences } from "./audiences";
import { CheckField, ChoiceField, More, Part, TextField } from "./Fields";
import type { Values } from "./values";

/** Whom it is for. */
export function AudiencePart() {
  const { t } = useTranslation();
  const { control } = useFormContext<Values>();
  const chosen = useWatch({ control, name: "audience" });
  const { data: saved = [] } = useQuery(audiences);
  const names = saved.map((each) => [each.audience_id, each.name] as const);
  if (chosen && !saved.some((each) => each.audience_id === chosen)) names.push([chosen, chosen]);
  const choice = names.length > 0 && (
    <ChoiceField
      name="audience"
      label={t("form.savedAudience")}
      help={chosen ? t("form.savedHelp") : ""}
      options={[["", t("form.ownFilter")], ...names]}
    />
  );
  if (chosen) return <Part title={t("form.audience")}>{choice}</Part>;
  return (
    <>
      <Part title={t("form.audience")}>
        {choice}
        <div className="row">
          <TextField
            name="operatorCodes"
            label={t("form.operatorCodes")}
            help={t("form.operatorCodesHelp")}
            className="col-md-6 mb-3"
          />
          <TagField name="tags" label={t("form.anyTags")} />
        </div>
        <CheckField name="onePerContact" label={t("form.onePerContact")} className="mb-0" />
      </Part>
      <More
        title={t("form.audienceMore")}
        names={["allTags", "noTags", "timeZones", "contact"]}
      >
        <div className="row">
          <TagField name="allTags" label={t("form.allTags")} />
          <TagField name="noTags" label={t("form.noTags")} />
          <TextField name="timeZones" label={t("form.timeZones")} help={t("form.timeZonesHelp")} className="col-md-6 mb-3" />
          <ChoiceField
            name="contact"
            label={t("form.contact")}
            className="col-md-6 mb-3"
            options={[
              ["", t("form.contactAny")],
              ["has_phone", t("form.hasPhone")],
              ["has_email", t("form.hasEmail")],
            ]}
          />
        </div>
      </More>
      <More title={t("form.experts")} names={["include", "exclude"]}>
        <p className="form-text">{t("form.expertsHelp")}</p>
        <TextField name="include" label={t("form.include")} rows={3} isCode />
        <TextField name="exclude" label={t("form.exclude")} rows={3} isCode />
      </More>
    </>
  );
}

/** A field of tags, which offers those that clients have. */
function TagField({ name, label }: { name: "tags" | "allTags" | "noTags"; label: string }) {
  const { t } = useTranslation();
  const typed = useWatch({ control: useFormContext<Values>().control, name });
  return (
    <div className="col-md-6">
      <TextField name={name} label={label} help={t("form.tagsHelp")} list={`known-${name}`} />
      <TagOptions id={`known-${name}`} typed={typed} />
    </div>
  );
}
