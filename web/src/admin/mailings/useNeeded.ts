import { $catalog } from "../../api/client";

/** The contact that a gateway writes to; none: it is not known yet, or it needs none. */
export function useNeeded(gateway: string): "phone" | "email" | undefined {
  const gateways = $catalog.useQuery("get", "/v1/gateways");
  return gateways.data?.items.find((each) => each.name === gateway)?.contact ?? undefined;
}
