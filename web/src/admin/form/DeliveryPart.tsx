import { useFormContext, useWatch } from "react-hook-form";
import { useTranslation } from "react-i18next";

import { CheckField, ChoiceField, More, TextField } from "./Fields";
import type { Values } from "./values";

/** Of which class messages are, how they share their gateway, and how they are tried again. */
export function DeliveryPart() {
  const { t } = useTranslation();
  const words = (group: string, all: readonly string[]) =>
    all.map((each) => [each, t(`${group}${each}`)] as const);
  return (
    <More title={t("form.delivery")} names={["messageClass", "topic", "priority", "maxAttempts", "onUnknown"]}>
      <div className="row">
        <ChoiceField
          name="messageClass"
          label={t("class.label")}
          help={t("form.classHelp")}
          className="col-md-6 mb-3"
          options={words("class.", ["marketing", "transactional", "critical"])}
        />
        <TextField name="topic" label={t("form.topic")} help={t("form.topicHelp")} className="col-md-6 mb-3" />
        <ChoiceField
          name="priority"
          label={t("priority.label")}
          className="col-md-6 mb-3"
          options={words("priority.", ["bulk", "normal", "urgent"])}
        />
        <TextField
          name="maxAttempts"
          label={t("form.maxAttempts")}
          help={t("form.maxAttemptsHelp")}
          inputMode="numeric"
          className="col-md-6 mb-3"
        />
        <ChoiceField
          name="onUnknown"
          label={t("form.onUnknown")}
          className="col-12 mb-3"
          options={[["", t("form.asGateway")], ...words("onUnknown.", ["prefer_delivery", "prefer_silence"])]}
        />
      </div>
    </More>
  );
}

/** When each client gets it, and when nobody does. */
export function TimePart() {
  const { t } = useTranslation();
  const { control } = useFormContext<Values>();
  const [clock, recurs, hasQuietHours, zone] = useWatch({ control, name: ["clock", "recurs", "hasQuietHours", "zone"] });
  const words = (group: string, all: readonly string[]) =>
    all.map((each) => [each, t(`${group}${each}`)] as const);
  return (
    <More
      title={t("form.times")}
      names={["clock", "clockZone", "clockAt", "alreadyPassed", "noZone", "otherwise", "hasQuietHours", "quietBegins", "quietEnds"]}
    >
      <ChoiceField
        name="clock"
        label={t("form.timePolicy")}
        options={[["", t("clock.none")], ...words("clock.", ["recipient_local", "preferred_times"])]}
      />
      {clock && (
        <div className="row">
          {!recurs && (
            <TextField name="clockAt" label={t("form.clockAt")} help={t("form.clockAtHelp")} type="datetime-local" className="col-md-6 mb-3" />
          )}
          <TextField
            name="clockZone"
            label={t("form.clockZone")}
            help={t("form.clockZoneHelp", { zone })}
            placeholder={zone}
            list="zones"
            className="col-md-6 mb-3"
          />
          <ChoiceField
            name="alreadyPassed"
            label={t("form.alreadyPassed")}
            className="col-md-6 mb-3"
            options={words("alreadyPassed.", ["send_now", "skip", "next_day_if_inside_window"])}
          />
          <ChoiceField
            name="noZone"
            label={t("form.noZone")}
            className="col-md-6 mb-3"
            options={words("noZone.", ["mailing_zone", "skip"])}
          />
          {clock === "preferred_times" && (
            <ChoiceField
              name="otherwise"
              label={t("form.otherwise")}
              className="col-md-6 mb-3"
              options={words("otherwise.", ["mailing_zone", "recipient_local"])}
            />
          )}
        </div>
      )}
      <CheckField name="hasQuietHours" label={t("form.ownQuietHours")} help={t("form.quietHelp")} />
      {hasQuietHours && (
        <div className="row">
          <TextField name="quietBegins" label={t("form.quietBegins")} type="time" className="col-6 mb-3" />
          <TextField name="quietEnds" label={t("form.quietEnds")} type="time" className="col-6 mb-3" />
        </div>
      )}
    </More>
  );
}
