import { useEffect, useRef, useState } from "react";
import { Button } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { useBytes } from "./useBytes";

interface Props {
  file?: File;
  onChosen: (file: File) => void;
}

/** Takes a file by a button, or dropped anywhere on the page. */
export function Chooser({ file, onChosen }: Props) {
  const { t } = useTranslation();
  const bytes = useBytes();
  const input = useRef<HTMLInputElement>(null);
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const over = (event: DragEvent) => {
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent) => {
      event.preventDefault();
      setOver(false);
      const [dropped] = event.dataTransfer?.files ?? [];
      if (dropped) onChosen(dropped);
    };
    window.addEventListener("dragover", over);
    window.addEventListener("dragleave", leave);
    window.addEventListener("drop", drop);
    return () => {
      window.removeEventListener("dragover", over);
      window.removeEventListener("dragleave", leave);
      window.removeEventListener("drop", drop);
    };
  }, [onChosen]);
  return (
    <div className={`empty drop${isOver ? " drop-over" : ""}`}>
      <input
        ref={input}
        id="import-file"
        type="file"
        className="visually-hidden"
        tabIndex={-1}
        aria-label={t("imports.choose")}
        accept=".csv,.tsv,.txt,.ndjson,.jsonl,.xlsx,.gz,.zip"
        onChange={(event) => {
          const [chosen] = event.target.files ?? [];
          if (chosen) onChosen(chosen);
          event.target.value = ""; // the same file may be chosen again
        }}
      />
      {file && (
        <p className="fw-semibold text-break" role="status">
          {file.name} · {bytes(file.size)}
        </p>
      )}
      <Button variant={file ? "outline-secondary" : "primary"} onClick={() => input.current?.click()}>
        {t(file ? "imports.chooseOther" : "imports.choose")}
      </Button>
      <p className="mt-2 mb-1">{t("imports.drop")}</p>
      <p className="small text-body-secondary mb-0">{t("imports.help")}</p>
    </div>
  );
}
