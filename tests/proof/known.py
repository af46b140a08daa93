"""Known changes of clocks, from public announcements: what the platform and its model must say."""

# Local time and zone, the instant in UTC, and what there is to remark.
# Source: what governments announced, as timeanddate.com and the press had it.
KNOWN = [
    # The United States: forward on the second Sunday in March, back on the first in November.
    ("2007-03-11T02:30[America/New_York]", "2007-03-11T07:00", "gap"),
    ("2026-11-01T01:30[America/New_York]", "2026-11-01T05:30", "fold"),
    ("2026-11-01T02:00[America/New_York]", "2026-11-01T07:00", None),
    ("2026-03-08T02:00[America/Los_Angeles]", "2026-03-08T10:00", "gap"),
    ("2026-03-08T03:00[America/Los_Angeles]", "2026-03-08T10:00", None),
    ("2026-03-08T02:30[America/Phoenix]", "2026-03-08T09:30", None),
    ("2006-04-02T02:30[America/Chicago]", "2006-04-02T08:00", "gap"),
    # The European Union: all at 01:00 UTC.
    ("2026-03-29T02:30[Europe/Berlin]", "2026-03-29T01:00", "gap"),
    ("2026-10-25T02:30[Europe/Berlin]", "2026-10-25T00:30", "fold"),
    ("2026-03-29T01:15[Europe/London]", "2026-03-29T01:00", "gap"),
    ("2026-10-25T01:15[Europe/London]", "2026-10-25T00:15", "fold"),
    ("2026-03-29T00:30[Atlantic/Azores]", "2026-03-29T01:00", "gap"),
    ("2026-03-29T03:59[Europe/Kyiv]", "2026-03-29T01:00", "gap"),
    # Dublin's winter time is the exception, an hour less; clocks change as in London.
    ("2026-03-29T01:30[Europe/Dublin]", "2026-03-29T01:00", "gap"),
    ("2026-10-25T01:30[Europe/Dublin]", "2026-10-25T00:30", "fold"),
    # Moscow: summer time for good in 2011, an hour back for good in 2014, nothing since.
    ("2011-03-27T02:30[Europe/Moscow]", "2011-03-26T23:00", "gap"),
    ("2012-03-25T02:30[Europe/Moscow]", "2012-03-24T22:30", None),
    ("2014-10-26T01:30[Europe/Moscow]", "2014-10-25T21:30", "fold"),
    ("2026-03-29T02:30[Europe/Moscow]", "2026-03-28T23:30", None),
    ("2020-12-27T01:30[Europe/Volgograd]", "2020-12-26T21:30", "fold"),
    # Turkey stayed at summer time in 2016.
    ("2016-10-30T03:30[Europe/Istanbul]", "2016-10-30T00:30", None),
    # Samoa and Tokelau had no 30 December 2011.
    ("2011-12-30T12:00[Pacific/Apia]", "2011-12-30T10:00", "gap"),
    ("2011-12-29T23:59[Pacific/Apia]", "2011-12-30T09:59", None),
    ("2011-12-31T00:00[Pacific/Apia]", "2011-12-30T10:00", None),
    ("2011-12-30T12:00[Pacific/Fakaofo]", "2011-12-30T11:00", "gap"),
    # Half an hour on Lord Howe, two at Troll, three back at Casey.
    ("2026-10-04T02:15[Australia/Lord_Howe]", "2026-10-03T15:30", "gap"),
    ("2026-04-05T01:45[Australia/Lord_Howe]", "2026-04-04T14:45", "fold"),
    ("2026-03-29T02:00[Antarctica/Troll]", "2026-03-29T01:00", "gap"),
    ("2018-03-11T02:00[Antarctica/Casey]", "2018-03-10T15:00", "fold"),
    # Morocco is an hour back in Ramadan.
    ("2024-03-10T02:30[Africa/Casablanca]", "2024-03-10T01:30", "fold"),
    ("2024-04-14T02:30[Africa/Casablanca]", "2024-04-14T02:00", "gap"),
    # No midnight that day.
    ("2018-11-04T00:00[America/Sao_Paulo]", "2018-11-04T03:00", "gap"),
    ("2018-02-17T23:30[America/Sao_Paulo]", "2018-02-18T01:30", "fold"),
    ("2015-03-28T00:30[Asia/Gaza]", "2015-03-27T22:00", "gap"),
    ("2022-03-22T00:30[Asia/Tehran]", "2022-03-21T20:30", "gap"),
    ("2026-03-08T00:00[America/Havana]", "2026-03-08T05:00", "gap"),
    ("2022-03-27T00:00[Asia/Beirut]", "2022-03-26T22:00", "gap"),
    ("2023-04-28T00:30[Africa/Cairo]", "2023-04-27T22:00", "gap"),
    ("2022-02-25T00:30[Asia/Amman]", "2022-02-24T22:00", "gap"),
    ("2022-09-11T00:30[America/Santiago]", "2022-09-11T04:00", "gap"),
    # Offsets that changed for good, by half an hour or a whole one.
    ("2007-12-09T02:45[America/Caracas]", "2007-12-09T06:45", "fold"),
    ("2016-05-01T02:45[America/Caracas]", "2016-05-01T07:00", "gap"),
    ("2015-08-14T23:45[Asia/Pyongyang]", "2015-08-14T14:45", "fold"),
    ("2018-05-04T23:45[Asia/Pyongyang]", "2018-05-04T15:00", "gap"),
    ("2021-01-31T23:30[Africa/Juba]", "2021-01-31T20:30", "fold"),
    # Where clocks never changed in this century.
    ("2026-01-01T09:00[Asia/Kathmandu]", "2026-01-01T03:15", None),
    ("2026-07-01T09:00[Asia/Kolkata]", "2026-07-01T03:30", None),
]
