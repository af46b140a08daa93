import { useBlocker } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";

import { Confirm } from "./Confirm";

/** Asks before what was typed is lost: to another screen, and by closing or reloading the tab. */
export function Leaving({ isDirty, onGo }: { isDirty: boolean; onGo?: () => void }) {
  const { t } = useTranslation();
  const dirty = useRef(isDirty);
  useEffect(() => {
    dirty.current = isDirty;
  }, [isDirty]);
  const blocker = useBlocker({
    shouldBlockFn: () => dirty.current,
    enableBeforeUnload: () => dirty.current,
    withResolver: true,
  });
  if (blocker.status !== "blocked") return null;
  const leave = () => {
    onGo?.();
    blocker.proceed();
  };
  return (
    <Confirm title={t("leave.title")} go={t("leave.go")} isDanger onGo={leave} onClose={blocker.reset}>
      <p className="mb-0">{t("leave.help")}</p>
    </Confirm>
  );
}
