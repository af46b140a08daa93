import "uplot/dist/uPlot.min.css";

import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import uPlot from "uplot";

import { number, rate, wallTime } from "../../ui/format";
import { language } from "../../words";
import { type Steps, inAll, type Outcome, OUTCOMES, perSecond, total } from "./series";

const HEIGHT = 220;
const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;
// Between the times below the lines, in seconds: none is shorter than what a clock shows.
const TICKS = [
  ...[1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((each) => each * MINUTE),
  ...[1, 2, 3, 6, 12].map((each) => each * HOUR),
  ...[1, 2, 7, 14, 30, 90, 365].map((each) => each * DAY),
];
// Besides colours, so that lines are told apart without these.
const DASHES: Record<Outcome, number[]> = {
  delivered: [],
  failed: [6, 3],
  expired: [2, 2],
  cancelled: [10, 4],
  undetermined: [6, 3, 2, 3],
  suppressed: [12, 3, 2, 3],
  retry: [3, 5],
};

type View = "rate" | "sum";

/** Lines by outcome over time. What the cursor points at stands below, as does all when it is elsewhere. */
export default function Chart({ steps, view }: { steps: Steps; view: View }) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [place, setPlace] = useState<number | null>(null);
  const theme = useTheme();
  const spoken = language();
  const shown = OUTCOMES.filter((each) => steps.counts[each] !== undefined);
  const names = shown.join();
  const data = useMemo(() => lines(steps, names.split(",") as Outcome[], view), [steps, names, view]);
  const latest = useRef(data);
  useEffect(() => {
    latest.current = data;
  }, [data]);
  const spanS = steps.at[steps.at.length - 1]! - steps.at[0]!;
  const isLong = spanS > 2 * DAY;
  const isShort = spanS < 10 * MINUTE;
  useEffect(() => {
    const place = box.current!;
    const outcomes = names.split(",") as Outcome[];
    const own = new uPlot(
      options(place, outcomes, { isLong, isShort, view, point: setPlace, drawn: () => (place.dataset["drawn"] = view) }),
      latest.current,
      place,
    );
    plot.current = own;
    const resized = new ResizeObserver(() => own.setSize({ width: place.clientWidth, height: HEIGHT }));
    resized.observe(place);
    return () => {
      resized.disconnect();
      own.destroy();
      delete place.dataset["drawn"]; // who looks at it from outside waits for it
      plot.current = null;
    };
  }, [names, view, theme, spoken, isLong, isShort]);
  useEffect(() => plot.current?.setData(data), [data]);
  const at = place === null ? undefined : steps.at[place];
  const values = shown.map((each, line) => {
    const column = data[line + 1] as number[];
    const count = at === undefined ? total(steps.counts[each]!) : column[place!]!;
    const isRate = at !== undefined && view === "rate";
    const text = isRate ? t("rate", { rate: rate(count, spoken) }) : number(count, spoken);
    return { state: each, text };
  });
  const summary = values.map(({ state, text }) => `${t(`state.${state}`)}: ${text}`).join(", ");
  return (
    <>
      <div
        ref={box}
        className="series-chart"
        role="img"
        aria-label={`${t(`series.${view}`)}. ${summary}. ${t("series.seeTable")}`}
      />
      <ul className="series-legend list-unstyled small tabular mb-3">
        <li>
          {at === undefined ? t("series.all") : wallTime(new Date(at * 1_000), spoken, "second")}
        </li>
        {values.map(({ state, text }) => (
          <li key={state}>
            <svg width="24" height="8" aria-hidden="true">
              <line x1="0" x2="24" y1="4" y2="4" className={`stroke-${state}`} strokeDasharray={DASHES[state].join(" ")} />
            </svg>{" "}
            {t(`state.${state}`)} <span className="fw-semibold">{text}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

function lines(steps: Steps, shown: readonly Outcome[], view: View): uPlot.AlignedData {
  const line = (counts: number[]) => (view === "sum" ? inAll(counts) : perSecond(counts, steps.stepS));
  return [steps.at, ...shown.map((each) => line(steps.counts[each]!))];
}

interface Looks {
  isLong: boolean;
  isShort: boolean;
  view: View;
  point: (place: number | null) => void;
  drawn: () => void;
}

function options(box: HTMLElement, outcomes: readonly Outcome[], looks: Looks): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const text = { stroke: colour("--bs-body-color"), font: `12px ${style.fontFamily || "sans-serif"}` };
  const grid = { stroke: colour("--bs-border-color"), width: 1 };
  const clock = new Intl.DateTimeFormat(language(), {
    ...(looks.isLong ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit" }),
    ...(looks.isShort ? { second: "2-digit" } : {}),
    hourCycle: "h23",
  });
  const amount = new Intl.NumberFormat(language(), { notation: "compact", maximumFractionDigits: 1 });
  return {
    width: box.clientWidth,
    height: HEIGHT,
    padding: [8, 28, 0, 0], // half of the last time stands beyond its line
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { y: { range: (_, __, most) => [0, Math.max(most ?? 0, 1) * 1.05] } },
    axes: [
      { ...text, grid, ticks: grid, space: 62, incrs: TICKS, values: (_, at) => at.map((each) => clock.format(each * 1_000)) },
      { ...text, grid, ticks: grid, size: widest, values: (_, all) => all.map((each) => amount.format(each)) },
    ],
    series: [
      {},
      ...outcomes.map((each) => ({
        label: each,
        stroke: colour(`--m-${each}`),
        width: 2,
        dash: DASHES[each],
        points: { show: false },
      })),
    ],
    hooks: { setCursor: [(plot) => looks.point(plot.cursor.idx ?? null)], draw: [looks.drawn] },
  };
}

/** How wide the numbers beside the lines are: "60 тыс." takes more than "60K". */
function widest(_: uPlot, texts: readonly string[] | null): number {
  return 20 + 7 * Math.max(0, ...(texts ?? []).map((each) => each.length));
}

/** The theme, so that colours are read again when it changes. */
function useTheme(): string | undefined {
  const root = document.documentElement;
  const [theme, setTheme] = useState(root.dataset.bsTheme);
  useEffect(() => {
    const changed = new MutationObserver(() => setTheme(root.dataset.bsTheme));
    changed.observe(root, { attributeFilter: ["data-bs-theme"] });
    return () => changed.disconnect();
  }, [root]);
  return theme;
}
