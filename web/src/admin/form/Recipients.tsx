import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { useGatewayName } from "../../ui/useGatewayName";
import { gateways } from "../mailings/api";
import { AudienceCount } from "./AudienceCount";
import type { Audience } from "./counting";

/** To how many clients it would begin to write, and through what. */
export function Recipients({ body, byClocks }: { body: Audience; byClocks: boolean }) {
  const { t } = useTranslation();
  const named = useGatewayName();
  const { data = [] } = useQuery(gateways);
  const gateway = data.find((each) => each.name === body.gateway);
  return (
    <>
      <AudienceCount body={body} />
      <p className="mb-2">{t("consequence.through", { gateway: gateway ? named(gateway) : body.gateway })}</p>
      <p className="mb-2">{t(byClocks ? "consequence.sendsByClocks" : "consequence.sends")}</p>
    </>
  );
}
