import { useTranslation } from "react-i18next";

const SHAPES: Record<string, string> = {
  running: "▶",
  between: "↻",
  planned: "◷",
  created: "◷",
  paused: "❚❚",
  finished: "✓",
  stopped: "■",
  missed: "✕",
};

/** A status: a shape and a word, and a colour beside them. */
export function StatusBadge({ status }: { status: string }) {
  const { t } = useTranslation();
  return (
    <span className={`status status-${status}`}>
      <span aria-hidden="true">{SHAPES[status]}</span> {t(`status.${status}`)}
    </span>
  );
}
