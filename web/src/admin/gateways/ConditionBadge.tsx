import { useTranslation } from "react-i18next";

import { conditionOf, type GatewayView } from "./limits";

const SHAPES = {
  good: "✓",
  partly: "◐",
  paused: "❚❚",
  misconfigured: "✕",
  open: "✕",
  half_open: "◐",
  throttled: "◷",
  refusing: "⚠",
} as const;

/** The state of a gateway: a shape and a word, and a colour beside them. */
export function ConditionBadge({ gateway }: { gateway: GatewayView }) {
  const { t } = useTranslation();
  const condition = conditionOf(gateway, new Date());
  return (
    <span className={`condition condition-${condition}`}>
      <span aria-hidden="true">{SHAPES[condition]}</span> {t(`gateways.conditions.${condition}`)}
    </span>
  );
}
