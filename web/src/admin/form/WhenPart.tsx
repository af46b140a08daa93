import { useEffect, useRef, useState } from "react";
import { Button, Form } from "react-bootstrap";
import { useFieldArray, useFormContext, useWatch } from "react-hook-form";
import { useTranslation } from "react-i18next";

import { Time } from "../../ui/Time";
import { ZoneOptions } from "../../ui/ZoneOptions";
import { startsAtOnce } from "./body";
import { EntryFields } from "./EntryFields";
import { CheckField, ChoiceField, Held, More, Part, TextField, useField } from "./Fields";
import { useWallClock } from "./useWallClock";
import { freshEntry, type Values } from "./values";
import { isWhole, movedEnd, ownZone, toInstant } from "./zoned";

/** When it runs: its window, and how it recurs within. */
export function WhenPart({ isNew }: { isNew: boolean }) {
  const { t } = useTranslation();
  const { control } = useFormContext<Values>();
  const [begin, recurs] = useWatch({ control, name: ["begin", "recurs"] });
  const [isAlong, setAlong] = useState(false);
  return (
    <>
      <Part title={t("form.when")}>
        <ZoneOptions id="zones" />
        <TextField name="zone" label={t("form.zone")} list="zones" help={t("form.zoneHelp")} />
        {isNew && <Begin />}
        <div className="row">
          {begin === "at" && (
            <div className="col-md-6">
              <Held>
                <StartsAt onAlong={() => setAlong(true)} />
              </Held>
              <OwnTime name="startsAt" isNew={isNew} />
            </div>
          )}
          <div className="col-md-6">
            <TextField
              name="endsAt"
              label={t("form.endsAt")}
              type="datetime-local"
              className="mb-0"
              onTyped={() => setAlong(false)}
            />
            <p className="form-text mb-0" role="status">
              {isAlong && t("form.endAlong")}
            </p>
            <OwnTime name="endsAt" isNew={isNew} />
          </div>
        </div>
        <Held once={["most", "recurring"]}>
          <CheckField name="recurs" label={t("form.recurs")} help={t("form.recursHelp")} className="mb-0" />
        </Held>
        {recurs && <Entries />}
      </Part>
      {recurs && (
        <More
          title={t("form.recurrenceMore")}
          names={["windowMinutes", "count", "exceptDates", "missed", "missedMax", "catchUpMinutes", "overlap"]}
        >
          <RecurrenceMore />
        </More>
      )}
    </>
  );
}

function Begin() {
  const { t } = useTranslation();
  const { own } = useField("begin");
  return (
    <div className="mb-3" role="radiogroup" aria-labelledby="begin-label">
      <span id="begin-label" className="me-3">
        {t("form.begin")}
      </span>
      {(["now", "at"] as const).map((each) => (
        <Form.Check
          {...own}
          key={each}
          inline
          type="radio"
          id={`begin-${each}`}
          value={each}
          label={t(`form.begin_at.${each}`)}
        />
      ))}
    </div>
  );
}

/** When it begins. Who moves that moves the end along, so that it has as much time as before; that is said. */
function StartsAt({ onAlong }: { onAlong: () => void }) {
  const { t } = useTranslation();
  const { control, getValues, setValue } = useFormContext<Values>();
  const startsAt = useWatch({ control, name: "startsAt" });
  const before = useRef(startsAt);
  useEffect(() => {
    if (isWhole(startsAt)) before.current = startsAt;
  }, [startsAt]);
  const moved = (to: string) => {
    const { endsAt, zone, recurs } = getValues();
    const end = recurs ? null : movedEnd(endsAt, before.current, to, zone);
    if (end === null) return;
    setValue("endsAt", end, { shouldDirty: true });
    onAlong();
  };
  return <TextField name="startsAt" label={t("form.startsAt")} type="datetime-local" className="mb-0" onTyped={moved} />;
}

/** When it is by the reader's clock, if that is another one, and what follows if it has passed. */
function OwnTime({ name, isNew }: { name: "startsAt" | "endsAt"; isNew: boolean }) {
  const { t } = useTranslation();
  const values = useWatch({ control: useFormContext<Values>().control }) as Values;
  const now = useWallClock(5_000);
  const at = toInstant(values[name], values.zone);
  const isPast = name === "startsAt" && isNew && startsAtOnce(values, now);
  return (
    <p className="form-text mb-3">
      {at && at !== toInstant(values[name], ownZone()) && (
        <>
          = <Time at={at} />
        </>
      )}{" "}
      {isPast && <strong data-past>{t("form.startsAtOnce")}</strong>}
    </p>
  );
}

function Entries() {
  const { t } = useTranslation();
  const { control } = useFormContext<Values>();
  const { fields, append, remove } = useFieldArray({ control, name: "entries" });
  return (
    <div className="mt-3">
      {fields.map((each, place) => (
        <EntryFields key={each.id} place={place} onRemove={fields.length > 1 ? () => remove(place) : null} />
      ))}
      <Button size="sm" variant="outline-secondary" onClick={() => append(freshEntry())}>
        {t("form.entryAdd")}
      </Button>
    </div>
  );
}

function RecurrenceMore() {
  const { t } = useTranslation();
  const missed = useWatch({ control: useFormContext<Values>().control, name: "missed" });
  const words = (group: string, all: readonly string[]) =>
    all.map((each) => [each, t(`${group}${each}`)] as const);
  return (
    <div className="row">
      <TextField name="windowMinutes" label={t("form.windowMinutes")} help={t("form.windowHelp")} inputMode="numeric" className="col-md-6 mb-3" />
      <TextField name="count" label={t("form.count")} help={t("form.noLimit")} inputMode="numeric" className="col-md-6 mb-3" />
      <TextField name="exceptDates" label={t("form.exceptDates")} help={t("form.exceptHelp")} className="col-12 mb-3" />
      <ChoiceField
        name="missed"
        label={t("form.missed")}
        options={words("missedPolicy.", ["run_latest", "run_all", "skip"])}
        className="col-md-6 mb-3"
      />
      {missed === "run_all" && (
        <TextField name="missedMax" label={t("form.missedMax")} inputMode="numeric" className="col-md-6 mb-3" />
      )}
      <TextField name="catchUpMinutes" label={t("form.catchUp")} help={t("form.noLimit")} inputMode="numeric" className="col-md-6 mb-3" />
      <ChoiceField
        name="overlap"
        label={t("form.overlap")}
        options={words("overlapPolicy.", ["skip", "queue", "allow"])}
        className="col-md-6 mb-3"
      />
    </div>
  );
}
