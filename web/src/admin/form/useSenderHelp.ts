import { useTranslation } from "react-i18next";

import type { components } from "../../api/types/catalog";

type Gateway = components["schemas"]["GatewayView"];

/** Says whom mails are from if the field stays empty, and what else the gateway lets be written there. */
export function useSenderHelp(gateway: Gateway | undefined): string {
  const { t } = useTranslation();
  if (gateway && gateway.contact !== "email") return "";
  if (!gateway?.sender && !gateway?.allowed_senders) return t("form.senderHelp");
  const { sender, allowed_senders: allowed } = gateway;
  const names = (allowed ?? []).map((each) => (each.startsWith("@") ? t("form.senderAny", { name: each }) : each));
  return [
    sender && t("form.senderEmpty", { name: sender }),
    allowed && (names.length > 0 ? t("form.senderAllowed", { names: names.join(", ") }) : t("form.senderNone")),
  ]
    .filter(Boolean)
    .join(" ");
}
