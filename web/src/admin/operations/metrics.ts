/** What the services measure of themselves, as they show it to Prometheus. */

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

export function samplesOf(text: string): Sample[] {
  return text.split("\n").flatMap((line) => {
    const found = line.startsWith("#") ? null : LINE.exec(line);
    if (!found) return [];
    const labels = Object.fromEntries(
      [...(found[2] ?? "").matchAll(LABEL)].map(([, name, value]) => [name, value]),
    ) as Record<string, string>;
    return [{ name: found[1] as string, labels, value: Number(found[3]) }];
  });
}

export interface Pulse {
  lag: number; // records that were not consumed yet
  deadLetters: number;
}

/** Returns what an operator looks at first; nothing where a service does not measure it. */
export function pulseOf(samples: readonly Sample[]): Pulse {
  const sum = (name: string) =>
    samples.filter((each) => each.name === name).reduce((all, each) => all + each.value, 0);
  return { lag: sum("kafka_consumer_lag"), deadLetters: sum("kafka_dead_letters_stored") };
}
