import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { Problem } from "../../api/problem";
import { Confirm } from "../../ui/Confirm";
import { useDuration } from "../../ui/useDuration";
import { useWallClock } from "../form/useWallClock";
import "../form/words";
import { ownZone, toWall } from "../form/zoned";
import { change, mailing as mailingQuery, type Mailing, MAILINGS } from "./api";
import { DayAndTime } from "./DayAndTime";
import { offered, OFFERS, postponed } from "./postponed";

/** Lets a mailing that has not begun begin at another time, with as much time as before. */
export default function Postpone({ mailing, onClose }: { mailing: Mailing; onClose: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [seen, setSeen] = useState(mailing);
  const zone = seen.time_policy?.zone ?? ownZone();
  const [wall, setWall] = useState(() => toWall(seen.starts_at, zone));
  const now = useWallClock(5_000);
  const moved = postponed(seen, wall, zone);
  const isPast = moved !== null && Date.parse(moved.starts_at) <= now;
  const isSame = wall === toWall(seen.starts_at, zone);
  const save = useMutation({
    mutationFn: async (changes: NonNullable<typeof moved>) => {
      const { mailing_id: id, version } = seen;
      try {
        await change(id, version, changes);
      } catch (error) {
        if (Problem.of(error).status !== 412) throw error;
        const found = await queries.fetchQuery({ ...mailingQuery(id), staleTime: 0 });
        if (found.status === "created" && isMoved(seen, found)) {
          setSeen(found);
          throw error;
        }
        // its times are what they were, or the catalog says why it cannot be postponed any more
        await change(id, found.version, changes);
      }
    },
    onSuccess: onClose,
    onSettled: () => void queries.invalidateQueries({ queryKey: MAILINGS }),
  });
  return (
    <Confirm
      title={t("postpone.title", { name: seen.name })}
      go={t("postpone.go")}
      isBusy={save.isPending}
      isDisabled={moved === null || isPast || isSame}
      error={save.error && withoutFields(Problem.of(save.error))}
      onGo={() => moved && save.mutate(moved)}
      onClose={onClose}
    >
      <p>
        {t("postpone.planned")} <Window starts={seen.starts_at} ends={seen.ends_at} zone={zone} />
      </p>
      <Form.Group controlId="postpone-start" className="mb-2">
        <Form.Label>{t("postpone.start", { zone })}</Form.Label>
        <Form.Control
          type="datetime-local"
          value={wall}
          isInvalid={isPast}
          aria-describedby="postpone-result"
          onChange={({ target }) => setWall(target.value)}
        />
      </Form.Group>
      <div className="d-flex flex-wrap gap-2 mb-3">
        {OFFERS.map((each) => (
          <Button key={each} size="sm" variant="outline-primary" onClick={() => setWall(offered(each, seen.starts_at, zone))}>
            {t(`postpone.later.${each}`)}
          </Button>
        ))}
      </div>
      <p id="postpone-result" className="mb-2" role="status">
        {isPast && <span className="text-danger-emphasis">{t("postpone.past")}</span>}
        {moved && !isPast && !isSame && (
          <>
            {t("postpone.then")} <Window starts={moved.starts_at} ends={moved.ends_at} zone={zone} />
          </>
        )}
      </p>
    </Confirm>
  );
}

/** When a mailing begins and ends, and how long it has. */
function Window({ starts, ends, zone }: { starts: string; ends: string; zone: string }) {
  const inWords = useDuration();
  return (
    <strong>
      <DayAndTime at={starts} zone={zone} /> – <DayAndTime at={ends} zone={zone} />{" "}
      <span className="fw-normal text-body-secondary">({inWords((Date.parse(ends) - Date.parse(starts)) / 1_000)})</span>
    </strong>
  );
}

const isMoved = (one: Mailing, other: Mailing) => one.starts_at !== other.starts_at || one.ends_at !== other.ends_at;

/** That it has begun, or is over, is said by the sentence alone: which fields cannot change does not matter here. */
function withoutFields(problem: Problem): Problem {
  if (problem.status !== 409) return problem;
  return new Problem(problem.status, problem.type, problem.title, [], problem.traceId);
}
