"""The rules of a run's series: which steps there are, and which is shown."""

STORED = (1, 60, 3_600)  # seconds that a row stands for
SHOWN = (1, 10, 60, 600, 3_600, 86_400)  # seconds that a point stands for
LARGEST = 1_200  # steps between the first point and the last: more than a screen shows
