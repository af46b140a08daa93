import type { ReactNode } from "react";
import { Button } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { ProblemPanel } from "./ProblemPanel";

/** What a list needs to know of its query: pages that follow one another. */
export interface Pages<Item> {
  data?: { pages: readonly { items: readonly Item[] }[] };
  error: unknown;
  isPending: boolean;
  isFetchingNextPage: boolean;
  hasNextPage: boolean;
  refetch: () => unknown;
  fetchNextPage: () => unknown;
}

interface Props<Item> {
  found: Pages<Item>;
  label: string;
  head: readonly string[];
  row: (item: Item) => ReactNode;
  empty: ReactNode;
}

/** A table of what was found, page after page; below each other where the window is narrow. */
export function List<Item>({ found, label, head, row, empty }: Props<Item>) {
  const { t } = useTranslation();
  const items = found.data?.pages.flatMap((page) => page.items);
  return (
    <>
      {found.error != null && (
        <ProblemPanel error={found.error} again={() => void found.refetch()} />
      )}
      {found.isPending && <Skeleton rows={5} />}
      {items?.length === 0 && <div className="empty">{empty}</div>}
      {items && items.length > 0 && (
        <table className="table table-hover stacking align-middle" aria-label={label}>
          <thead>
            <tr>
              {head.map((each) => (
                <th key={each} scope="col">
                  {each}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>{items.map(row)}</tbody>
        </table>
      )}
      {found.hasNextPage && (
        <Button
          variant="outline-secondary"
          disabled={found.isFetchingNextPage}
          onClick={() => void found.fetchNextPage()}
        >
          {t("screen.more")}
        </Button>
      )}
    </>
  );
}

/** The place of rows that are being loaded. */
export function Skeleton({ rows }: { rows: number }) {
  const { t } = useTranslation();
  return (
    <div role="status" className="skeleton placeholder-glow">
      <span className="visually-hidden">{t("loading")}</span>
      {Array.from({ length: rows }, (_, at) => (
        <span key={at} className="placeholder col-12" />
      ))}
    </div>
  );
}
