import { Button, Form } from "react-bootstrap";
import { useFormContext, useWatch } from "react-hook-form";
import { useTranslation } from "react-i18next";

import { FieldHelp } from "./FieldHelp";
import { ChoiceField, TextField, useField } from "./Fields";
import { DAY_KINDS, DAYS, ENTRY_KINDS, type Values } from "./values";

const NTH = ["1", "2", "3", "4", "5", "last"] as const;

/** One rule by which a mailing recurs. */
export function EntryFields({ place, onRemove }: { place: number; onRemove: (() => void) | null }) {
  const { t } = useTranslation();
  const { control } = useFormContext<Values>();
  const [kind, zone] = useWatch({ control, name: [`entries.${place}.kind`, "zone"] });
  const name = <K extends string>(field: K) => `entries.${place}.${field}` as const;
  return (
    <fieldset className="border rounded p-2 mb-2">
      <legend className="visually-hidden">{t("form.entry", { number: place + 1 })}</legend>
      <div className="row">
        <ChoiceField
          name={name("kind")}
          label={t("form.kind")}
          className="col-sm-6 mb-2"
          options={ENTRY_KINDS.map((each) => [each, t(`entry.${each}`)] as const)}
        />
        {kind === "once" && (
          <TextField name={name("onceAt")} label={t("form.at")} type="datetime-local" className="col-sm-6 mb-2" />
        )}
        {kind === "cron" && (
          <TextField name={name("expression")} label={t("form.expression")} help={t("form.expressionHelp")} className="col-sm-6 mb-2" isCode />
        )}
        {kind !== "once" && kind !== "cron" && (
          <TextField name={name("at")} label={t("form.at")} type="time" className="col-sm-6 mb-2" />
        )}
      </div>
      {kind === "weekly" && <Weekdays place={place} />}
      {kind === "monthly" && <Monthly place={place} />}
      <div className="d-flex gap-2 align-items-start">
        <TextField
          name={name("zone")}
          label={t("form.zoneOfEntry")}
          help={t("form.zoneAsAbove", { zone })}
          placeholder={zone}
          list="zones"
          className="flex-grow-1 mb-0"
        />
        {onRemove && (
          <Button variant="outline-danger" className="entry-remove" onClick={onRemove} aria-label={t("form.entryRemove", { number: place + 1 })}>
            ✕
          </Button>
        )}
      </div>
    </fieldset>
  );
}

function Weekdays({ place }: { place: number }) {
  const { t } = useTranslation();
  const { own, error, helpId } = useField(`entries.${place}.days`);
  return (
    <div className="mb-2" role="group" aria-label={t("form.days")} aria-describedby={error ? helpId : undefined}>
      {DAYS.map((each) => (
        <Form.Check
          {...own}
          key={each}
          inline
          id={`entry-${place}-${each}`}
          value={each}
          label={t(`day.${each}`)}
          isInvalid={error !== undefined}
        />
      ))}
      <FieldHelp id={helpId} error={error} />
    </div>
  );
}

function Monthly({ place }: { place: number }) {
  const { t } = useTranslation();
  const { control } = useFormContext<Values>();
  const on = useWatch({ control, name: `entries.${place}.on` });
  const name = <K extends string>(field: K) => `entries.${place}.${field}` as const;
  return (
    <div className="row">
      <ChoiceField
        name={name("on")}
        label={t("form.on")}
        className="col-md-4 mb-2"
        options={DAY_KINDS.map((each) => [each, t(`onDay.${each}`)] as const)}
      />
      {on === "day" && (
        <TextField name={name("day")} label={t("form.day")} inputMode="numeric" className="col-6 col-md-4 mb-2" />
      )}
      {on === "weekday" && (
        <>
          <ChoiceField
            name={name("nth")}
            label={t("form.nth")}
            className="col-6 col-md-4 mb-2"
            options={NTH.map((each) => [each, t(`nth.${each}`)] as const)}
          />
          <ChoiceField
            name={name("weekday")}
            label={t("form.weekday")}
            className="col-6 col-md-4 mb-2"
            options={DAYS.map((each) => [each, t(`day.${each}`)] as const)}
          />
        </>
      )}
      {on !== "last_day" && (
        <ChoiceField
          name={name("missing")}
          label={t("form.missing")}
          className="col-md-8 mb-2"
          options={[
            ["last_day", t("missingDay.last_day")],
            ["skip", t("missingDay.skip")],
          ]}
        />
      )}
    </div>
  );
}
