import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

import { useUnknownTags } from "./tags";

interface Props {
  tags: readonly string[];
  offer?: (meant: string, tag: string) => ReactNode; // how the one that may be meant is taken
}

/** Why nobody has what is asked for: no client has one of the tags, though one that is written otherwise. */
export function UnknownTags({ tags, offer }: Props) {
  const { t } = useTranslation();
  const unknown = useUnknownTags(tags);
  return unknown.map(({ tag, meant }) => (
    <p key={tag} className="mb-1" data-unknown-tag={tag}>
      {t("tags.none", { name: tag })}{" "}
      {meant !== undefined && (
        <>
          {t("tags.meant")} {offer ? offer(meant, tag) : <strong>{meant}</strong>}
        </>
      )}
    </p>
  ));
}
