import { expect, test } from "vitest";

import { pulseOf, samplesOf } from "./metrics";

test("samples have their labels, and comments are none", () => {
  const text = '# HELP x y\nkafka_consumer_lag{consumer="stats",topic="a,b"} 3.0\noutbox_unpublished 2\n';
  expect(samplesOf(text)).toEqual([
    { name: "kafka_consumer_lag", labels: { consumer: "stats", topic: "a,b" }, value: 3 },
    { name: "outbox_unpublished", labels: {}, value: 2 },
  ]);
});

test("the lag is of all topics, and what is not measured is nothing", () => {
  const text = 'kafka_consumer_lag{topic="a"} 3\nkafka_consumer_lag{topic="b"} 4';
  expect(pulseOf(samplesOf(text))).toEqual({ lag: 7, deadLetters: 0 });
});
