/** The time zones that fields offer, each with its clocks' distance from UTC, and as its city is called. */

/**
 * Cities as Russian readers type them. Browsers name zones, not cities: that of Novosibirsk they call by
 * Krasnoyarsk. Of all others the zone's own name has the city.
 */
const CITIES: Record<string, string> = {
  "Europe/Kaliningrad": "Калининград",
  "Europe/Moscow": "Москва, Санкт-Петербург",
  "Europe/Kirov": "Киров",
  "Europe/Volgograd": "Волгоград",
  "Europe/Astrakhan": "Астрахань",
  "Europe/Saratov": "Саратов",
  "Europe/Ulyanovsk": "Ульяновск",
  "Europe/Samara": "Самара",
  "Asia/Yekaterinburg": "Екатеринбург",
  "Asia/Omsk": "Омск",
  "Asia/Novosibirsk": "Новосибирск",
  "Asia/Barnaul": "Барнаул",
  "Asia/Tomsk": "Томск",
  "Asia/Novokuznetsk": "Новокузнецк, Кемерово",
  "Asia/Krasnoyarsk": "Красноярск",
  "Asia/Irkutsk": "Иркутск",
  "Asia/Chita": "Чита",
  "Asia/Yakutsk": "Якутск",
  "Asia/Khandyga": "Хандыга",
  "Asia/Vladivostok": "Владивосток",
  "Asia/Ust-Nera": "Усть-Нера",
  "Asia/Magadan": "Магадан",
  "Asia/Sakhalin": "Южно-Сахалинск",
  "Asia/Srednekolymsk": "Среднеколымск",
  "Asia/Kamchatka": "Петропавловск-Камчатский",
  "Asia/Anadyr": "Анадырь",
  "Europe/Minsk": "Минск",
  "Europe/Chisinau": "Кишинёв",
  "Asia/Almaty": "Алматы, Астана",
  "Asia/Tashkent": "Ташкент",
  "Asia/Bishkek": "Бишкек",
  "Asia/Dushanbe": "Душанбе",
  "Asia/Ashgabat": "Ашхабад",
  "Asia/Yerevan": "Ереван",
  "Asia/Baku": "Баку",
  "Asia/Tbilisi": "Тбилиси",
};

export const zones = (): readonly string[] =>
  "supportedValuesOf" in Intl ? ["UTC", ...Intl.supportedValuesOf("timeZone")] : ["UTC"];

/** Returns a zone as a list shows it, some browsers in place of its name: its city, and the distance of its clocks now. */
export function zoneLabel(zone: string, now: Date, language: string): string {
  const format = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "shortOffset" });
  const offset = format.formatToParts(now).find(({ type }) => type === "timeZoneName")?.value ?? "";
  const city = zone.slice(zone.lastIndexOf("/") + 1).replaceAll("_", " ");
  return `${(language === "ru" && CITIES[zone]) || city}, ${offset}`;
}
