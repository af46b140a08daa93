import { Link } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { Button, ProgressBar } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { $catalog, catalog } from "../../api/client";
import { Problem } from "../../api/problem";
import { percent } from "../../ui/format";
import { language } from "../../words";
import { Summary } from "../../ui/Summary";
import { Came } from "./Came";
import { CancelImport } from "./CancelImport";
import { Figures } from "./Figures";
import { Rejected } from "./Rejected";
import { addressOf, type ImportView, type Options, type Upload, upload } from "./upload";
import { useBytes } from "./useBytes";

interface Props {
  file: File;
  importId: string;
  options: Options;
  onUnderWay: (isUnderWay: boolean) => void;
  onBack: () => void; // to the file
  onImport: () => void; // what was checked
  onShow: () => void;
}

/** Sends the file and shows how far it is; broken off, it goes on where it was: no row comes twice. */
export function Sending(props: Props) {
  const { t } = useTranslation();
  const bytes = useBytes();
  const { file, importId, options, onUnderWay } = props;
  const [sent, setSent] = useState(0);
  const [done, setDone] = useState<ImportView>();
  const [error, setError] = useState<unknown>();
  const [turn, setTurn] = useState(0);
  const running = useRef<Upload>(undefined);
  const [isLong, setLong] = useState(false); // long enough to have begun: a short one is never asked for
  const [isCancelling, setCancelling] = useState(false);
  const isUnderWay = done === undefined && error === undefined;

  useEffect(() => {
    const own = upload(file, addressOf(importId, file.name, options), setSent);
    running.current = own;
    let isOurs = true;
    const waits = setTimeout(() => setLong(true), 1500);
    own.done
      .then((made) => isOurs && setDone(made))
      .catch((failed: unknown) => isOurs && setError(failed))
      .finally(() => isOurs && onUnderWay(false));
    return () => {
      isOurs = false;
      clearTimeout(waits);
      own.abort();
    };
  }, [file, importId, options, turn, onUnderWay]);

  // Its rows are counted while the file is sent; before the first there is no such import.
  const far = $catalog.useQuery(
    "get",
    "/v1/imports/{import_id}",
    { params: { path: { import_id: importId } } },
    { refetchInterval: 1000, enabled: isUnderWay && isLong, retry: false },
  );
  const shown = done ?? far.data;
  const share = file.size ? Math.min(1, sent / file.size) : 0;

  const cancel = async () => {
    setCancelling(false);
    running.current?.abort();
    const path = { import_id: importId };
    await catalog.POST("/v1/imports/{import_id}/cancel", { params: { path } }).catch(() => undefined);
  };
  const again = () => {
    setError(undefined);
    setSent(0);
    onUnderWay(true);
    setTurn(turn + 1);
  };
  const isAborted = Problem.of(error).type === "Aborted";
  return (
    <section className="panel">
      <h2 className="text-break">
        {file.name} · {bytes(file.size)}
      </h2>
      {isUnderWay && (
        <>
          <ProgressBar
            now={share * 100}
            aria-label={t("imports.uploaded")}
            aria-valuetext={percent(sent, file.size, language())}
          />
          <p className="mt-2 tabular">
            {t("imports.sentOf", { sent: bytes(Math.min(sent, file.size)), all: bytes(file.size) })}
            {share >= 1 && ` · ${t("imports.working")}`}
          </p>
        </>
      )}
      {error !== undefined && !isAborted && <Summary error={error} others={Problem.of(error).errors} />}
      {isAborted && <p role="status">{t("imports.cancelled")}</p>}
      {shown && <Figures view={shown} />}
      <div role="status" className="mb-3">
        {done && <Came view={done} />}
      </div>
      <div className="d-flex flex-wrap gap-2 mb-3">
        {isUnderWay && (
          <Button variant="outline-danger" onClick={() => setCancelling(true)}>
            {t("imports.cancel")}
          </Button>
        )}
        {done?.dry_run && <Button onClick={props.onImport}>{t("imports.send")}</Button>}
        {done && !done.dry_run && (
          <>
            <Button onClick={props.onShow}>{t("imports.show")}</Button>
            <Link className="btn btn-outline-primary" to="/clients">
              {t("imports.toClients")}
            </Link>
          </>
        )}
        {error !== undefined && !isAborted && Problem.of(error).status !== 422 && (
          <Button onClick={again}>{t("again")}</Button>
        )}
        {!isUnderWay && (
          <Button variant="outline-secondary" onClick={props.onBack}>
            {t("imports.back")}
          </Button>
        )}
      </div>
      {isCancelling && isUnderWay && (
        <CancelImport
          isDry={options.dryRun}
          onGo={() => void cancel()}
          onClose={() => setCancelling(false)}
        />
      )}
      {done?.dry_run && done.rejected > 0 && <Rejected view={done} />}
    </section>
  );
}
