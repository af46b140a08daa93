import { useTranslation } from "react-i18next";

/** Names a gateway by what it sends, for those who do not know what the platform calls it: `E-mail (smtp)`. */
export function useGatewayName(): (gateway: { name: string; contact: "phone" | "email" | null }) => string {
  const { t } = useTranslation();
  return ({ name, contact }) => t(`gatewayOf.${contact ?? "file"}`, { name });
}
