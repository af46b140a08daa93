import { useTranslation } from "react-i18next";

import { Confirm } from "../../ui/Confirm";

interface Props {
  isDry: boolean;
  isBusy?: boolean;
  onGo: () => void;
  onClose: () => void;
}

/** Asks before an import is cancelled: it is never gone on with. */
export function CancelImport({ isDry, isBusy = false, onGo, onClose }: Props) {
  const { t } = useTranslation();
  return (
    <Confirm
      title={t("imports.cancelTitle")}
      go={t("imports.cancelNow")}
      back={t("imports.cancelNot")}
      isDanger
      isBusy={isBusy}
      onGo={onGo}
      onClose={onClose}
    >
      <p className="mb-0">{t(isDry ? "imports.cancelDryHelp" : "imports.cancelHelp")}</p>
    </Confirm>
  );
}
